import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { fromKubeconfig, connectionFrom } from '../src/api/client/kubeconfig.ts'
import { Transport } from '../src/api/client/transport.ts'
import { tracePath } from '../src/lab/trace.ts'
import type { Trace } from '../src/trace/types.ts'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds } from './harness/rounds.ts'
import { startLabWith } from './lab/lab.ts'
import { crowd } from './trace/crowd.ts'
import { benchPods } from './trace/manifest.ts'

const services = 1000
const pods = 5000

/** How long a person waits for a trace, and how much of that is after the answer to the request came. */
export const bench: Bench = {
  about:
    'a trace of a delivered request: the whole, and from the answer’s arrival to its end; beside the same request made plainly',
  where: 'machine',
  async run({ long, say }): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
    const manifest = join(folder, 'pods.yaml')
    writeFileSync(manifest, benchPods())
    const lab = await startLabWith(3, ['-f', manifest])
    const transport = new Transport(await connectionFrom(lab.kubeconfig))
    const client = await fromKubeconfig(lab.kubeconfig)
    try {
      const count = long ? 100 : 25
      say('a lab with three pods')
      const rows = await measure(transport, count, '')
      rows.push(await byProgram(lab, long ? 20 : 5))
      say(`${services.toLocaleString('en')} services and ${pods.toLocaleString('en')} pods more, as objects`)
      await crowd(client, pods, services)
      rows.push(
        ...(await measure(
          transport,
          count,
          `, ${services.toLocaleString('en')} services and ${pods.toLocaleString('en')} pods`,
        )),
      )
      return { rows, notes }
    } finally {
      client.close()
      transport.close()
      await lab.down()
      rmSync(folder, { recursive: true })
    }
  },
}

const notes = [
  '3 nodes; asked over the API with a connection that is open, as a page or a test does; the clock stops when the answer has been read',
  'plainly: node:http in the client’s pod gets the same URL by a connection of its own, ten times a second while traces are measured; names included',
  'after the answer: from the kernel’s time stamp of the answer’s packet at the client to the end of the trace',
  'the crowd is objects alone: pods on a node that is not there',
]

const targets = {
  'HTTP, same node': 'http://near/',
  'HTTP, other node': 'http://far/',
  'TCP, other node': 'svc/far',
  DNS: 'dns://far',
} as const

async function measure(transport: Transport, count: number, where: string): Promise<Row[]> {
  const after: Record<string, number[]> = {}
  const trace = (name: keyof typeof targets) => async (round: number) => {
    const begun = performance.now()
    const body = { from: 'client', to: targets[name] }
    const told = (await transport.call({ method: 'POST', path: tracePath, body })) as Trace
    const took = performance.now() - begun
    const last = told.reply.at(-1)?.us
    if (told.verdict !== 'delivered' || told.at === undefined || last === undefined)
      throw new Error(JSON.stringify(told))
    const answered = Date.parse(told.at) + Number(told.at.slice(-4, -1)) / 1000 + last / 1000
    if (round > 0) (after[name] ??= []).push(performance.timeOrigin + begun + took - answered)
    return took
  }
  const names = Object.keys(targets) as (keyof typeof targets)[]
  const measured = await rounds<string>(count, Object.fromEntries(names.map((name) => [name, trace(name)])))
  const plain = await plainly(transport, count)
  const figureOf = (values: readonly number[] | undefined): Row['figure'] => figure(values ?? [])
  return names.flatMap((name): Row[] => {
    const peer = plain[name.endsWith('same node') ? 'near' : 'far']
    const late = after[name]?.toSorted((a, b) => a - b) ?? []
    const base = { unit: 'ms', better: 'lower' } as const
    return [
      {
        ...base,
        what: `${name}${where}: the whole trace`,
        figure: figureOf(measured[name]),
        ...(name.startsWith('HTTP') && { peer: { what: 'the request, plainly', figure: figureOf(peer) } }),
      },
      { ...base, what: '  after the answer', figure: figureOf(late), reach: '100 ms' },
      {
        ...base,
        what: '  after the answer, 99 of 100',
        figure: figureOf([late[Math.ceil(late.length * 0.99) - 1] ?? Number.NaN]),
        reach: '100 ms',
      },
    ]
  })
}

/** What the client said of its own requests in the meantime. */
async function plainly(transport: Transport, count: number): Promise<Record<'near' | 'far', number[]>> {
  const path = '/api/v1/namespaces/default/pods/client/log'
  const response = await transport.open(
    { method: 'GET', path, query: { tailLines: 2 * count } },
    AbortSignal.timeout(10_000),
  )
  const text = Buffer.concat(await response.toArray()).toString('utf8')
  const of = (name: string): number[] =>
    text.split('\n').flatMap((line) => (line.startsWith(name) ? [Number(line.slice(name.length))] : []))
  return { near: of('near'), far: of('far') }
}

/** As a person asks: the start of the program included. */
async function byProgram(lab: { readonly env: NodeJS.ProcessEnv }, count: number): Promise<Row> {
  const took: number[] = []
  for (let round = 0; round <= count; round++) {
    const begun = performance.now()
    await promisify(execFile)(resolve('kubehop'), ['trace', 'client', 'http://far/'], { env: lab.env })
    if (round > 0) took.push(performance.now() - begun)
  }
  return {
    what: 'HTTP, other node: `kubehop trace` from the command line',
    unit: 'ms',
    better: 'lower',
    figure: figure(took),
  }
}
