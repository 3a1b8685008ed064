import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { startBenchLab } from './lab/lab.ts'
import { heldBy } from './lab/pages.ts'
import { processesBelow, type Sample } from './lab/processes.ts'

const settleMs = 5000

/** In the order of the table; the first that fits. */
const kinds: [what: string, fits: RegExp][] = [
  ['pause processes', /^kubehop pause /],
  ['container shims', /^kubehop shim /],
  ["the lab's first processes", /^kubehop lab \S+$/],
  ['node agents', /^kubehop node /],
  ['supervisor (API, control loops, routes)', / supervise \{/],
  ['cluster DNS', / dns /],
  ['programs of the shop', /./],
]

/** What a lab that does nothing takes, process by process. */
export const bench: Bench = {
  about: 'memory of an idle lab: 3 nodes, DNS and the 4 pods of the example shop; PSS of all its processes',
  where: 'machine',
  async run({ long, say }): Promise<Outcome> {
    const lab = await startBenchLab()
    try {
      say(`waiting ${settleMs / 1000} s for it to become idle`)
      const samples: Sample[][] = []
      for (let round = 0; round < (long ? 20 : 5); round++) {
        await pause(round === 0 ? settleMs : 1000)
        samples.push(processesBelow(lab.record.outside.pid))
      }
      const last = samples.at(-1) ?? []
      const held = heldBy(last.map(({ pid }) => pid))
      return {
        rows: [
          {
            ...row('PSS of all processes', samples),
            recorded: 'k3s: 1.6 GB (recorded)',
            reach: '300 MB',
          },
          ...(held === undefined
            ? []
            : [
                {
                  what: 'the same, every page counted once',
                  unit: 'MB',
                  better: 'lower',
                  figure: figure([held / 1e6]),
                } as const,
              ]),
          ...kinds.map(([what]) => {
            const count = last.filter((each) => kindOf(each) === what).length
            return row(`${what}: ${count}`, samples, what)
          }),
        ],
        notes: [
          'PSS from smaps_rollup: pages that several processes share are divided among them (MB = 1,000,000 bytes)',
          held === undefined
            ? 'only root may count every page once: PSS is smaller when other programs of this machine use the same Node'
            : 'every page counted once: does not shrink when other programs of this machine use the same Node',
          'the figure of k3s was recorded elsewhere, not in this run',
        ],
      }
    } finally {
      await lab.down()
    }
  },
}

function row(what: string, samples: Sample[][], kind?: string): Row {
  const sums = samples.map((sample) =>
    sample.filter((each) => kind === undefined || kindOf(each) === kind).reduce((sum, each) => sum + each.pss, 0),
  )
  return { what, unit: 'MB', better: 'lower', figure: figure(sums.map((bytes) => bytes / 1e6)) }
}

function kindOf({ command }: Sample): string {
  return kinds.find(([, fits]) => fits.test(command))?.[0] ?? ''
}
