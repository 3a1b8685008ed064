// Measures against peers in the same run. Each bench is a file of bench/ and runs in a process of its own.
//   npm run bench [-- NAME... [--long]]      npm run bench -- --list      npm run bench -- --chart
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { keep, kept, render, reportOf } from '../bench/harness/report.ts'
import { benches } from '../bench/list.ts'
import { inside } from './inside.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    /** Draws docs/services-speed.svg and docs/dns-speed.svg from the results that are kept. */
    chart: { type: 'boolean', default: false },
    /** In the process that measures. */
    here: { type: 'boolean', default: false },
  },
})
process.exitCode = await main()

async function main(): Promise<number> {
  const names = positionals.length > 0 ? positionals : Object.keys(benches)
  const unknown = names.filter((name) => !Object.hasOwn(benches, name))
  if (unknown.length > 0) {
    console.error(`no bench is called ${unknown.join(', ')}; there are: ${Object.keys(benches).join(', ')}`)
    return 2
  }
  if (values.list) {
    for (const name of names) console.log(`${name.padEnd(10)}${(await load(name)).about}`)
    return 0
  }
  if (values.chart) return chart()
  if (values.here) return measure(names[0] ?? '')
  let failed = 0
  for (const name of names) if ((await start(name)) !== 0) failed++
  return failed > 0 ? 1 : 0
}

async function chart(): Promise<number> {
  const { drawServices } = await import('../bench/chart/services.ts')
  const { drawDns } = await import('../bench/chart/dns.ts')
  for (const [name, draw] of Object.entries({ services: drawServices, dns: drawDns })) {
    const path = `docs/${name}-speed.svg`
    writeFileSync(path, draw(kept(name)))
    console.log(path)
  }
  return 0
}

async function load(name: string): Promise<import('../bench/harness/bench.ts').Bench> {
  const loader = benches[name]
  if (!loader) throw new Error(`no bench is called ${name}`)
  return (await loader()).bench
}

/** Runs a bench in a fresh process, in the place that it asks for. */
async function start(name: string): Promise<number> {
  const bench = await load(name)
  const env = { ...process.env, ...(await bench.prepare?.({ long: values.long })) }
  const args = ['scripts/bench.ts', '--here', name, ...(values.long ? ['--long'] : [])]
  console.log()
  return bench.where === 'namespaces'
    ? inside(args, env, `kubehop bench ${name}`)
    : (spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], env }).status ?? 1)
}

async function measure(name: string): Promise<number> {
  const bench = await load(name)
  const outcome = await bench.run({ long: values.long, say: (text) => console.error(`  ${name}: ${text}`) })
  const report = reportOf(name, bench.about, values.long, outcome)
  console.log(render(report))
  keep(report)
  return 0
}
