import type { Bench, Outcome } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { startBenchLab } from './lab/lab.ts'

/** From the command to the first answer that one pod gets from another by its service's name. */
export const bench: Bench = {
  about: '`kubehop up`: 3 nodes, DNS and the 4 pods of the example shop',
  where: 'machine',
  async run({ long, say }): Promise<Outcome> {
    const first: number[] = []
    const all: number[] = []
    const count = long ? 20 : 5
    // The first round warms the disk's cache and is not counted.
    for (let round = 0; round <= count; round++) {
      const lab = await startBenchLab()
      await lab.down()
      say(
        `first answer after ${(lab.firstAnswer / 1000).toFixed(2)} s, all ready after ${(lab.allReady / 1000).toFixed(2)} s`,
      )
      if (round === 0) continue
      first.push(lab.firstAnswer / 1000)
      all.push(lab.allReady / 1000)
    }
    return {
      rows: [
        {
          what: 'first HTTP 200 by service name from a pod',
          unit: 's',
          better: 'lower',
          figure: figure(first),
          recorded: 'kind: 12 to 17 s (recorded)',
          reach: '1.5 s',
        },
        { what: 'the command ends: every pod is Ready', unit: 's', better: 'lower', figure: figure(all) },
      ],
      notes: [
        'the clock starts before `./kubehop` and stops in the pod `client`, which asks http://web/ until it gets a 200 (bench/lab/shop.ts)',
        'the figure of kind was recorded elsewhere, not in this run',
      ],
    }
  },
}
