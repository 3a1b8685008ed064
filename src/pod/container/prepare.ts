import type { Kinds } from '../../api/objects/index.ts'
import type { Container } from '../../api/objects/pod.ts'
import type { Home } from '../home.ts'
import type { LocalImage } from '../image/local.ts'
import type { Becoming } from './become.ts'
import { capabilitiesOf } from './capabilities.ts'
import { mountsOf } from './mounts.ts'
import type { NodeContext } from '../context.ts'
import { commandOf, commandOnHost } from './command.ts'
import { environmentOf } from './environment.ts'
import { identityOf } from './identity.ts'
import { signalNumber } from './stop-signal.ts'
import { hostnameOf } from '../sandbox/files.ts'
import type { RunOrigin } from '../record.ts'
import { usualPath } from '../root/host-image.ts'
import type { RootInput } from '../root/input.ts'

export interface Prepared {
  what: Becoming
  root: RootInput
  /** Kubelet's InvalidVariableNames events. */
  warnings: string[]
}

/** Everything that a container's start needs, from its spec and its image. Throws CreateContainerConfigError saying what is wrong with it. */
export async function prepareContainer(
  home: Home,
  container: Container,
  image: LocalImage | undefined,
  podIP: string,
): Promise<Prepared> {
  const { context, pod } = home
  const { namespace } = pod.metadata
  const configMaps = await fetchAll(context, 'ConfigMap', namesIn(container, 'configMap'), namespace)
  const secrets = await fetchAll(context, 'Secret', namesIn(container, 'secret'), namespace)
  await context.servicesSynced
  const made = environmentOf({
    pod,
    container,
    podIPs: [podIP],
    hostIPs: [context.hostIP],
    services: context.services(),
    configMap: (name) => configMaps.get(name),
    secret: (name) => secrets.get(name),
  })
  const { home: homeDirectory, ...identity } = identityOf(pod, container, context.ids, image?.accounts)
  const env = startingEnv(home, image)
  for (const [name, value] of made.env) env.set(name, value)
  // As runc: a program may count on it.
  if (image && !env.get('HOME')) env.set('HOME', homeDirectory ?? '/')
  const privileges = container.securityContext ?? {}
  const cwd = container.workingDir || image?.config.workingDir || '/'
  return {
    what: {
      argv: image ? commandOf(image.config, made) : commandOnHost(container, made),
      env,
      cwd,
      identity,
      capabilities: capabilitiesOf(privileges),
      noNewPrivileges: privileges['allowPrivilegeEscalation'] === false,
    },
    root: await rootOf(home, container, image, cwd, made.env),
    warnings: made.warnings,
  }
}

async function rootOf(
  { pod, paths, volumes, context }: Home,
  container: Container,
  image: LocalImage | undefined,
  cwd: string,
  env: ReadonlyMap<string, string>,
): Promise<RootInput> {
  const machine = context.image
  const privileges = container.securityContext ?? {}
  const { plan, sources } = mountsOf(pod, container, (name) => volumes.get(name), paths, machine, image, env)
  const { root } = paths.container(container.name)
  const rights = {
    privileged: privileges['privileged'] === true,
    readOnly: privileges['readOnlyRootFilesystem'] === true,
  }
  const any = { machine, root, plan, sources, ...rights }
  if (image)
    return {
      ...any,
      kind: 'image',
      layers: image.layers,
      hold: image.hold,
      userXattr: context.ids.owned,
      cwd,
    }
  const allowed = new Map(await Promise.all(plan.layers.map(async (at) => [at, await context.overlayAt(at)] as const)))
  return { ...any, kind: 'host', overlay: (at) => allowed.get(at) === true }
}

/** What the record of an instance keeps of its image. */
export function originOf({ name, id, config }: LocalImage, { cwd, identity }: Becoming): RunOrigin {
  const stopSignal = config.stopSignal === '' ? undefined : signalNumber(config.stopSignal)
  return { name, id, cwd, identity, ...(stopSignal !== undefined && { stopSignal }) }
}

/** What is set before anything of the pod is. */
function startingEnv({ pod, context }: Home, image: LocalImage | undefined): Map<string, string> {
  const hostname: [string, string] = ['HOSTNAME', hostnameOf(pod, context.zone).hostname]
  const { path, env } = context.image
  return image
    ? new Map([['PATH', usualPath], hostname, ...image.config.env])
    : new Map([['PATH', path], ...Object.entries(env), hostname])
}

/** The objects that a container's variables come from. */
async function fetchAll<K extends 'ConfigMap' | 'Secret'>(
  { client }: NodeContext,
  kind: K,
  names: Set<string>,
  namespace: string | undefined,
): Promise<Map<string, Kinds[K]>> {
  const found = await Promise.all(
    [...names].map(async (name) => [name, await client.get(kind, name, namespace)] as const),
  )
  return new Map(found.flatMap(([name, object]) => (object ? [[name, object] as const] : [])))
}

function namesIn(container: Container, of: 'configMap' | 'secret'): Set<string> {
  const names = new Set<string>()
  for (const source of container.envFrom ?? []) {
    const ref = source[`${of}Ref`]
    if (ref) names.add(ref.name)
  }
  for (const { valueFrom } of container.env ?? []) {
    const ref = valueFrom?.[`${of}KeyRef`]
    if (ref) names.add(ref.name)
  }
  return names
}
