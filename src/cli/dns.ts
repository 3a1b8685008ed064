import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import type { Client } from '../api/client/client.ts'
import { inCluster } from '../api/client/http.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import { type Log, makeLog } from '../base/log.ts'
import { clusterDefaults } from '../dns/config/config.ts'
import { printConfig } from '../dns/config/file.ts'
import { keepReloading } from '../dns/config/reload.ts'
import { type Dns, startDns } from '../dns/dns.ts'
import { holdNodeAddress } from '../dns/node/hold.ts'
import { runWorker } from '../dns/server/worker.ts'
import { startWorkers } from '../dns/server/workers.ts'
import { type LoadedFile, loadFile, whatIsWrong } from './dns-file.ts'
import { nodeAddressOf, overrideBy } from './dns-flags.ts'
import { parse, UsageError } from './usage.ts'

const options = {
  config: { type: 'string' },
  corefile: { type: 'string' },
  print: { type: 'boolean', default: false },
  zone: { type: 'string' },
  port: { type: 'string' },
  listen: { type: 'string', multiple: true },
  'node-address': { type: 'string' },
  'keep-node-address': { type: 'boolean', default: false },
  kubeconfig: { type: 'string' },
  /** One of several processes at one port: its supervisor gives it its configuration. */
  worker: { type: 'string' },
  upstream: { type: 'string', multiple: true },
  reverse: { type: 'string', multiple: true },
  ttl: { type: 'string' },
} as const
type Flags = ReturnType<typeof parse<{ options: typeof options }>>['values']

/** `kubehop dns`: the cluster's DNS server, as a pod with a service account or as one node's own, until it is told to end (SIGTERM, SIGINT). */
export async function dns(args: string[]): Promise<number> {
  const { values } = parse({ args, options })
  if (values.worker !== undefined) return beWorker(values)
  let start: Start | undefined
  const wrong = whatIsWrong(() => (start = readStart(values)))
  if (!start) {
    console.error(wrong)
    return 2
  }
  if (values.print) console.log(printConfig(start.loaded.config).trimEnd())
  else await serve(values, start)
  return 0
}

type Start = Pick<LoadedFile, 'loaded'> & Partial<LoadedFile>

function readStart(flags: Flags): Start {
  const override = overrideBy(flags)
  const { config, corefile } = flags
  if (config !== undefined && corefile !== undefined)
    throw new UsageError('--config and --corefile cannot be given together: one file says it all')
  if (config !== undefined) return loadFile(config, 'yaml', override)
  if (corefile !== undefined) return loadFile(corefile, 'corefile', override)
  return { loaded: { config: override(clusterDefaults), notes: [] } }
}

async function serve(flags: Flags, { loaded: { config, notes }, source, text }: Start): Promise<void> {
  const log = makeLog('dns')
  for (const { line, say } of notes) log.info({ file: source?.path, line }, say)
  const ended = signalled()
  const client = await clientOf(flags, log)
  const own = nodeAddressOf(flags)
  const held =
    own && holdNodeAddress({ address: own, port: config.listen[0]?.port ?? 53, keep: flags['keep-node-address'] })
  try {
    const server = await (config.workers > 1
      ? startWorkers({ config, log, spawn: (number) => spawnWorker(flags, number) })
      : startDns({ client, config, log }))
    log.info({ ports: server.ports }, 'answering')
    server.synced.then(
      () => log.info('the whole cluster is known'),
      (error: unknown) => log.error({ error }, 'the cluster cannot be read'),
    )
    const reloading = source && keepReloading({ source, text: text ?? '', dns: server, log })
    if (reloading) process.on('SIGHUP', () => void reloading.reload())
    await retire(server, ended)
    reloading?.close()
    await server.close()
  } finally {
    held?.close()
    client.close()
  }
}

async function clientOf({ kubeconfig }: Flags, log: Log): Promise<Client> {
  const options = { component: 'dns', log }
  return kubeconfig === undefined ? inCluster(options) : fromKubeconfig(kubeconfig, options)
}

/** This program again. What ends it is its supervisor: a terminal's signals reach all processes at once. */
async function beWorker(flags: Flags): Promise<number> {
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => {})
  const log = makeLog('dns').child({ worker: Number(flags.worker) })
  const client = await clientOf(flags, log)
  try {
    await runWorker({ client, log, channel: process })
  } finally {
    client.close()
  }
  return 0
}

function spawnWorker({ kubeconfig }: Flags, number: number): ChildProcess {
  const args = ['dns', '--worker', String(number), ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig])]
  return spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced',
  })
}

/** First "not ready", so that nothing new is sent here; then the end, when the proxies of all nodes have heard of it. A second signal brings it at once. */
async function retire(server: Dns, ended: ReturnType<typeof signalled>): Promise<void> {
  await ended.first
  server.retire()
  await Promise.race([wait(server.config.lameDuck * 1000, undefined, { ref: false }), ended.second])
}

function signalled(): { first: Promise<void>; second: Promise<void> } {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let count = 0
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => (count++ === 0 ? first.resolve() : second.resolve()))
  return { first: first.promise, second: second.promise }
}
