import { constants } from 'node:os'
import { applyAll } from '../api/apply.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import { endOf } from '../lab/ended.ts'
import { kubeconfigOf, type LabRecord, starterOf } from '../lab/folder.ts'
import { type Readiness, waitReady } from '../lab/ready.ts'
import { parseSettings, type Settings } from '../lab/settings.ts'
import { startLab } from '../lab/start.ts'
import { removeLab } from '../lab/stop.ts'
import { loadFile, whatIsWrong } from './dns-file.ts'
import { overrideBy } from './dns-flags.ts'
import { emptyCluster, readManifests } from './manifests.ts'
import { type Progress, showProgress } from './progress.ts'
import { describeLab, renderLab } from './status.ts'
import { atMostOne, parse, UsageError } from './usage.ts'

const somethingNotReady = 3

/** `kubehop up`: see its usage in commands.ts. */
export async function up(args: string[]): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: {
      nodes: { type: 'string' },
      file: { type: 'string', short: 'f', multiple: true },
      'pod-cidr': { type: 'string' },
      'service-cidr': { type: 'string' },
      'node-cidr': { type: 'string' },
      'api-port': { type: 'string' },
      'node-dns': { type: 'boolean', default: false },
      'dns-config': { type: 'string' },
      zone: { type: 'string' },
      timeout: { type: 'string', default: '60' },
      hold: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      lab: { type: 'string' },
    },
  })
  const settings = parseSettings({
    name: atMostOne(positionals) ?? values.lab ?? (process.env['KUBEHOP_LAB'] || undefined),
    nodes: values.nodes,
    podCidr: values['pod-cidr'],
    serviceCidr: values['service-cidr'],
    nodeCidr: values['node-cidr'],
    apiPort: values['api-port'],
    nodeDns: values['node-dns'],
    dnsConfig: values['dns-config'],
    zone: values.zone,
  })
  const seconds = Number(values.timeout)
  if (!(seconds > 0 && seconds <= 3600))
    throw new UsageError(`--timeout takes seconds from 1 to 3600, not "${values.timeout}"`)
  const { dnsConfig, zone } = settings
  if (dnsConfig !== undefined) {
    const wrong = whatIsWrong(() => loadFile(dnsConfig, 'yaml', overrideBy({ zone })))
    if (wrong !== undefined) {
      console.error(wrong)
      return 2
    }
  }
  const objects = readManifests(values.file ?? [], emptyCluster(settings))
  return start(settings, objects, seconds, { json: values.json, hold: values.hold })
}

interface Manner {
  json?: boolean
  /** Ends the lab when standard input ends, or at a signal. */
  hold?: boolean
  /** Commands to try, for people. */
  next?: string[]
}

/** Starts the lab, applies the objects and waits for them; shared with `kubehop demo`. */
export async function start(
  settings: Settings,
  objects: KubeObject[],
  seconds: number,
  { json = false, hold = false, next = [] }: Manner = {},
): Promise<number> {
  const begun = performance.now()
  const progress = showProgress(json)
  const interrupt = cleanUpOnSignal(settings.name, progress)
  try {
    const record = await startLab(settings, (say) => progress.step(say))
    using end = endOf(record)
    const result = await applyAndWait(record, objects, seconds, progress, end.signal).catch((error: unknown) => {
      throw end.reason() ?? error
    })
    progress.done()
    const took = (performance.now() - begun) / 1000
    const lab = await describeLab(record)
    console.log(
      json
        ? JSON.stringify(
            {
              ...lab,
              seconds: Number(took.toFixed(2)),
              ready: result.waiting.length === 0,
              waiting: result.waiting,
              stuck: result.stuck,
            },
            null,
            2,
          )
        : renderLab(lab, `is up after ${took.toFixed(1)} s`),
    )
    if (result.waiting.length > 0) {
      console.error(notReady(settings.name, result, seconds))
      if (!hold) return somethingNotReady
    } else if (!json) console.log(nextSteps(record.name, next))
    if (hold) {
      await inputEnds()
      // Ended by another command meanwhile, it may be another one of this name by now.
      if (starterOf(settings.name) === process.pid) await removeLab(settings.name)
    }
    return 0
  } catch (error) {
    // Not what the start says of it, to which the lab went without a reason.
    const code = await interrupt.ending()
    if (code === undefined) throw error
    return code
  } finally {
    progress.done()
    interrupt.forget()
  }
}

async function applyAndWait(
  record: LabRecord,
  objects: KubeObject[],
  seconds: number,
  progress: Progress,
  end: AbortSignal,
): Promise<Readiness> {
  const client = await fromKubeconfig(kubeconfigOf(record.name))
  try {
    const show = ({ readyNodes, readyPods, expectedPods }: Readiness): void => {
      const pods = expectedPods > 0 ? `, pods ready: ${readyPods} of ${expectedPods}` : ''
      progress.step(`nodes ready: ${readyNodes} of ${record.nodes}${pods}`)
    }
    const late = performance.now() + seconds * 1000
    // Pods that come before all nodes are there would all go to the first.
    const nodes = await waitReady(client, [], record.nodes, seconds * 1000, show, end)
    if (nodes.timedOut) return nodes
    await applyAll(client, objects)
    const dns = { kind: 'Deployment', metadata: { name: 'cluster-dns', namespace: 'kube-system' } }
    const wanted = [
      dns,
      ...objects.map(({ kind, metadata }) => ({ kind, metadata: { namespace: 'default', ...metadata } })),
    ]
    return await waitReady(client, wanted, record.nodes, late - performance.now(), show, end)
  } finally {
    client.close()
  }
}

function notReady(name: string, { waiting, stuck }: Readiness, seconds: number): string {
  const lab = name === 'lab' ? '' : ` ${name}`
  const head =
    stuck.length > 0
      ? 'The lab runs, but this will not become ready by itself:'
      : `The lab runs, but after ${seconds} s this was not ready:`
  return [
    '',
    head,
    ...(stuck.length > 0 ? stuck : waiting).map((line) => `  ${line}`),
    '',
    'Look:',
    `  export KUBECONFIG=$(./kubehop kubeconfig${lab})`,
    '  kubectl get pods -A',
    '  kubectl get events -A --field-selector type=Warning',
    `Remove the lab: ./kubehop down${lab}`,
  ].join('\n')
}

export function nextSteps(name: string, more: string[]): string {
  const flag = name === 'lab' ? '' : ` ${name}`
  return [
    '',
    'Try next:',
    `  export KUBECONFIG=$(./kubehop kubeconfig${flag})`,
    '  kubectl get nodes,pods,services -A -o wide',
    ...more.map((line) => `  ${line}`),
    `  ./kubehop down${flag}`,
  ].join('\n')
}

interface Interrupt {
  /** The exit code, once all is removed; undefined: no signal came. */
  ending(): Promise<number> | undefined
  forget(): void
}

/** Whoever holds a lab need not live to say that it is over: its end of our standard input closes. */
async function inputEnds(): Promise<void> {
  const input = process.stdin.resume()
  await Promise.race(['end', 'close', 'error'].map((event) => new Promise((over) => input.once(event, over))))
}

/** An interrupted start leaves nothing behind, nor does an interrupted holding; a lab that another command started is left alone. */
function cleanUpOnSignal(name: string, progress: Progress): Interrupt {
  let ending: Promise<number> | undefined
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    if (starterOf(name) === process.pid) {
      progress.done()
      console.error(`kubehop up: interrupted (${signal}): removing lab "${name}"`)
      await removeLab(name)
    }
    return 128 + constants.signals[signal]
  }
  const stop = (signal: NodeJS.Signals): void => {
    if (ending !== undefined) return
    ending = end(signal)
    void ending.then((code) => process.exit(code))
  }
  const signals: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, stop)
  return {
    ending: () => ending,
    forget: () => signals.forEach((signal) => process.off(signal, stop)),
  }
}
