import type { Kinds } from '../../api/objects/index.ts'
import type { Container, Pod } from '../../api/objects/pod.ts'
import { KubehopError } from '../../base/errors.ts'
import type { Becoming } from './become.ts'
import { capabilitiesOf } from './capabilities.ts'
import { mountsOf } from './mounts.ts'
import type { NodeContext } from '../context.ts'
import { environmentOf } from './environment.ts'
import { identityOf } from './identity.ts'
import { hostnameOf } from '../sandbox/files.ts'
import type { PodPaths } from '../paths.ts'
import type { RootInput } from '../root/root.ts'
import type { PodVolumes } from '../volumes/volumes.ts'

export interface Prepared {
  what: Becoming
  root: RootInput
  /** Kubelet's InvalidVariableNames events. */
  warnings: string[]
}

/** Everything that a container's start needs, from its spec. Throws CreateContainerConfigError saying what is wrong with it. */
export async function prepareContainer(
  context: NodeContext,
  pod: Pod,
  container: Container,
  podIP: string,
  volumes: PodVolumes,
  paths: PodPaths,
): Promise<Prepared> {
  const { image } = context
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
  const argv = [...(made.command ?? []), ...(made.args ?? [])]
  if (argv.length === 0 || argv[0] === '')
    throw refusal(
      container,
      'no command is given, and the image "host" has none of its own: set command, for example ["node", "server.js"]',
    )
  const env = new Map([
    ['PATH', image.path],
    ...Object.entries(image.env),
    ['HOSTNAME', hostnameOf(pod, context.zone).hostname],
  ])
  for (const [name, value] of made.env) env.set(name, value)
  const { plan, sources } = mountsOf(pod, container, (name) => volumes.get(name), paths, image)
  const allowed = new Map(await Promise.all(plan.layers.map(async (at) => [at, await context.overlayAt(at)] as const)))
  const privileges = container.securityContext ?? {}
  return {
    what: {
      argv,
      env,
      cwd: container.workingDir || '/',
      identity: identityOf(pod, container, context.ids),
      capabilities: capabilitiesOf(privileges),
      noNewPrivileges: privileges['allowPrivilegeEscalation'] === false,
    },
    root: {
      image,
      root: paths.container(container.name).root,
      plan,
      sources,
      overlay: (at) => allowed.get(at) === true,
      privileged: privileges['privileged'] === true,
    },
    warnings: made.warnings,
  }
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

function refusal(container: Container, say: string): KubehopError {
  return new KubehopError('pod', `container ${container.name}`, 'CreateContainerConfigError', say)
}
