import type { Bench, Outcome } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds } from './harness/rounds.ts'
import { questions } from './dns/cluster.ts'
import { load } from './dns/load.ts'
import { type Server, startServer } from './dns/start.ts'

const services = 10_000

/** Questions per second, each contestant's own processor time counted: the loader and other programs do not blur it. */
export const bench: Bench = {
  about: `answering for ${services} services, against a socket in the same runtime that sends back what it gets`,
  where: 'machine',
  async run({ long, say }): Promise<Outcome> {
    const seconds = long ? 4 : 1
    const echo = await startServer('echo', services)
    const ours = await startServer('kubehop', services)
    try {
      const rows: Outcome['rows'] = []
      for (const kind of ['services', 'misses', 'headless'] as const) {
        say(kind)
        const asked = questions(kind, services)
        const measured = await rounds(long ? 9 : 5, {
          ours: () => perCore(ours, asked, seconds),
          echo: () => perCore(echo, asked, seconds),
        })
        rows.push({
          what: titles[kind],
          unit: 'questions/s of one core',
          better: 'higher',
          figure: figure(measured.ours),
          peer: { what: 'echo', figure: figure(measured.echo) },
          ...(kind === 'services' && { reach: '0.9 of the echo' }),
        })
      }
      const { loadedMilliseconds, megabytes } = await ours.state()
      rows.push(
        { what: 'objects to answers', unit: 'ms', better: 'lower', figure: figure([loadedMilliseconds]) },
        { what: 'resident, after all questions', unit: 'MB', better: 'lower', figure: figure([megabytes]) },
      )
      return { rows, notes: ['the echo sends the question back as it came; an answer is longer by its records'] }
    } finally {
      echo.close()
      ours.close()
    }
  },
}

const titles = {
  services: 'A of every service, in random order',
  misses: 'search-list misses (NXDOMAIN)',
  headless: 'A of headless services, 3 addresses shuffled',
}

async function perCore(server: Server, asked: Buffer[], seconds: number): Promise<number> {
  const before = (await server.state()).cpuMilliseconds
  const answers = await load(server.port, asked, seconds * 1000)
  const after = (await server.state()).cpuMilliseconds
  return (answers * 1000) / (after - before)
}
