import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findKubectl } from '../test/e2e/kubectl.ts'
import { testApi } from '../src/api/testing.ts'
import type { AnyObject } from '../src/api/json.ts'
import type { KindName } from '../src/api/objects/index.ts'
import { diagnose } from '../src/doctor/diagnose.ts'
import type { View } from '../src/doctor/types.ts'
import { machinesOf, makeObjects, type Objects, ranges } from './doctor/cluster.ts'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds, timed } from './harness/rounds.ts'

const services = 1000

/** Every check over a whole cluster; and the command, beside kubectl that only reads what any such tool must read. */
export const bench: Bench = {
  about: 'kubehop doctor over 1,000 services with 5,000 pods on 50 nodes, beside kubectl that reads the same objects',
  where: 'machine',
  async run({ long, say }): Promise<Outcome> {
    const count = long ? 15 : 5
    const checked = await checks(count)
    say('an API server with the objects')
    const read = await whole(count)
    return {
      rows: [...checked, ...read.rows],
      notes: [
        'checks alone: every check that objects and kernels allow, indexes and all, nothing kept from the run before',
        'all broken: half of the services select nothing, the pods of the others are not Ready',
        ...(read.notes ?? []),
      ],
    }
  },
}

async function checks(count: number): Promise<Row[]> {
  const views = { healthy: viewOf(makeObjects(services)), broken: viewOf(makeObjects(services, true)) }
  if (diagnose(views.healthy()).length > 0) throw new Error('the healthy cluster of the bench is not')
  if (diagnose(views.broken()).length < services) throw new Error('the broken cluster of the bench is not')
  const times = await rounds(count, {
    healthy: () => checkOnce(views.healthy()),
    broken: () => checkOnce(views.broken()),
  })
  const row = { unit: 'ms', better: 'lower', reach: '1000 ms' } as const
  return [
    { ...row, what: 'checks alone, nothing wrong', figure: figure(times.healthy) },
    { ...row, what: 'checks alone, all broken', figure: figure(times.broken) },
  ]
}

function checkOnce(view: View): Promise<number> {
  return timed(() => diagnose(view))
}

/** A new view each time: what a doctor remembers of a cluster is remembered by it. */
function viewOf(objects: Objects): () => View {
  const machines = machinesOf(objects)
  return () => ({
    cluster: { ...objects, zone: 'cluster.local' },
    ranges,
    machines: [...machines],
    events: [],
    policies: [],
    namespaces: [],
    now: Date.now(),
  })
}

async function whole(count: number): Promise<Outcome> {
  const kubectl = findKubectl()
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-doctor-'))
  await using cluster = await testApi()
  try {
    const objects = makeObjects(services)
    for (const of of Object.values(objects).flat() as AnyObject[])
      cluster.api.registry.store.put(of.kind as KindName, of)
    const kubeconfig = join(folder, 'kubeconfig')
    writeFileSync(kubeconfig, cluster.kubeconfig, { mode: 0o600 })
    const ours = (): Promise<number> =>
      program(process.execPath, 'src/cli/main.ts', 'doctor', '--kubeconfig', kubeconfig)
    const what = 'the whole command, objects by HTTPS'
    const row = { what, unit: 'ms', better: 'lower', reach: '1000 ms' } as const
    if ('skip' in kubectl) {
      const times = await rounds(count, { ours })
      return { rows: [{ ...row, figure: figure(times.ours) }], notes: [kubectl.skip] }
    }
    const all = 'pods,services,endpointslices,nodes'
    const theirs = (): Promise<number> =>
      program(kubectl.path, '--kubeconfig', kubeconfig, '--cache-dir', folder, 'get', all, '-A', '-o', 'json')
    const times = await rounds(count, { ours, theirs })
    const peer = { what: `kubectl get ${all} -A -o json`, figure: figure(times.theirs) }
    return {
      rows: [{ ...row, figure: figure(times.ours), peer }],
      notes: ['kubectl finds nothing: it is what any tool must at least read, and reads one kind after the other'],
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Milliseconds from its start to its end. Throws when it fails. */
async function program(file: string, ...args: string[]): Promise<number> {
  const begun = performance.now()
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit ${code}`)
  return performance.now() - begun
}
