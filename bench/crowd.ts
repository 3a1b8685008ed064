import { setTimeout as pause } from 'node:timers/promises'
import type { Client, New } from '../src/api/client/client.ts'
import { fromKubeconfig } from '../src/api/client/kubeconfig.ts'
import type { Deployment } from '../src/api/objects/workload.ts'
import type { Bench, Outcome } from './harness/bench.ts'
import { cpuOf } from './harness/cpu.ts'
import { figure } from './harness/figure.ts'
import { type BareLab, startBareLab } from './lab/lab.ts'
import { processesBelow } from './lab/processes.ts'

const crowd = 200
const crashing = 50
/** All of them have crashed twice by then, and wait for at least ten seconds. */
const crashesMs = 4000
const windowMs = 4000

/** Whole pods on one node: many at once, their end, and those that crash again and again. */
export const bench: Bench = {
  about: `${crowd} pods on one node: until all are Ready, until all are gone; what ${crashing} crash-looping pods cost while they wait`,
  where: 'machine',
  async run({ long, say }): Promise<Outcome> {
    const lab = await startBareLab(1)
    const client = await fromKubeconfig(lab.kubeconfig)
    try {
      const ready: number[] = []
      const gone: number[] = []
      // The first round warms up and is not counted.
      for (let round = 0; round <= (long ? 10 : 3); round++) {
        const namespace = `crowd-${round}`
        const up = await allReady(client, namespace)
        const processes = processesOf(lab, namespace)
        if (processes !== 2 * crowd) throw new Error(`${crowd} pods have ${processes} pauses and shims`)
        const down = await allGone(client, namespace, lab)
        say(`Ready after ${(up / 1000).toFixed(2)} s, gone after ${(down / 1000).toFixed(2)} s`)
        if (round === 0) continue
        ready.push(up / 1000)
        gone.push(down / 1000)
      }
      say(`${crashing} pods that crash`)
      const { idle, waiting } = await crashLoops(client, lab, long ? 6 : 3)
      return {
        rows: [
          {
            what: `${crowd} pods of a Deployment Ready`,
            unit: 's',
            better: 'lower',
            figure: figure(ready),
            reach: '4 s',
          },
          {
            what: `their namespace deleted, no process of theirs left`,
            unit: 's',
            better: 'lower',
            figure: figure(gone),
            reach: '4 s',
          },
          {
            what: `processor time of the agent, ${crashing} pods in CrashLoopBackOff`,
            unit: 'ms/s',
            better: 'lower',
            figure: figure(waiting),
            peer: { what: 'the same agent without them', figure: figure(idle) },
          },
        ],
        notes: [
          'each pod is pause and one container of the host image (sh that ends on SIGTERM); the clock starts with the request that makes the Deployment',
          'gone: the API has removed the namespace, and no pause or shim runs any more',
          'between tries: in the windows that are counted no container was started',
        ],
      }
    } finally {
      client.close()
      await lab.down()
    }
  },
}

const untilTerm = 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done'

async function allReady(client: Client, namespace: string): Promise<number> {
  await client.create('Namespace', { metadata: { name: namespace } })
  const { promise, resolve } = Promise.withResolvers<void>()
  const follower = client.follow('Deployment', {
    namespace,
    onChange: (change) => {
      if (change.type !== 'deleted' && change.object.status?.readyReplicas === crowd) resolve()
    },
  })
  await follower.synced
  const begun = performance.now()
  await client.create('Deployment', deployment(namespace, crowd, untilTerm))
  await promise
  const took = performance.now() - begun
  follower.close()
  return took
}

async function allGone(client: Client, namespace: string, lab: BareLab): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const follower = client.follow('Namespace', {
    fieldSelector: `metadata.name=${namespace}`,
    onChange: ({ type }) => {
      if (type === 'deleted') resolve()
    },
  })
  await follower.synced
  const begun = performance.now()
  await client.delete('Namespace', namespace)
  await promise
  while (processesOf(lab, namespace) > 0) await pause(1)
  const took = performance.now() - begun
  follower.close()
  return took
}

/** Pauses and shims of its pods. */
function processesOf({ record }: BareLab, namespace: string): number {
  const ofPods = processesBelow(record.outside.pid).filter(({ command }) => /^kubehop (pause|shim) /.test(command))
  return ofPods.filter(({ command }) => command.includes(` ${namespace}/`)).length
}

/** Milliseconds of processor time a second, without such pods and with them, while none of them is started. */
async function crashLoops(
  client: Client,
  lab: BareLab,
  rounds: number,
): Promise<{ idle: number[]; waiting: number[] }> {
  const agent = processesBelow(lab.record.outside.pid).find(({ command }) => command.startsWith('kubehop node '))
  if (!agent) throw new Error('the lab has no agent')
  const measured = async (): Promise<number> => {
    const [before, begun] = [cpuOf(agent.pid), performance.now()]
    await pause(windowMs)
    return (cpuOf(agent.pid) - before) / ((performance.now() - begun) / 1000)
  }
  await pause(windowMs)
  const idle: number[] = []
  for (let round = 0; round < rounds; round++) idle.push(await measured())

  const namespace = 'crashing'
  await client.create('Namespace', { metadata: { name: namespace } })
  const restarts = client.follow('Pod', { namespace })
  const count = (): number =>
    restarts.list().reduce((sum, { status }) => sum + (status?.containerStatuses?.[0]?.restartCount ?? 0), 0)
  await client.create('Deployment', deployment(namespace, crashing, 'exit 1'))
  await pause(crashesMs)
  const waiting: number[] = []
  while (waiting.length < rounds) {
    const before = count()
    const one = await measured()
    if (count() === before) waiting.push(one)
  }
  restarts.close()
  return { idle, waiting }
}

function deployment(namespace: string, replicas: number, script: string): New<Deployment> {
  const labels = { app: namespace }
  return {
    metadata: { name: 'crowd', namespace },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'main', image: 'host', command: ['sh', '-c', script] }] },
      },
    },
  }
}
