import type { Container, EnvVar, Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import type { ConfigMap, Secret } from '../../api/objects/simple.ts'
import { KubehopError } from '../../base/errors.ts'
import { resourceValue } from '../volumes/resources.ts'
import { expand } from './expand.ts'
import { serviceLinks } from './servicelinks.ts'

export interface EnvironmentInput {
  pod: Pod
  container: Container
  /** Those of the pod; they may be newer than its status. The first is `status.podIP`. */
  podIPs: readonly string[]
  hostIPs: readonly string[]
  /** At least those of the pod's namespace, and `kubernetes` of namespace default. */
  services: Iterable<Service>
  /** A ConfigMap of the pod's namespace. */
  configMap: (name: string) => ConfigMap | undefined
  /** A Secret of the pod's namespace. */
  secret: (name: string) => Secret | undefined
}

export interface Environment {
  env: Map<string, string>
  /** `command` and `args` with `$(NAME)` replaced; undefined where the container gives none. */
  command?: string[]
  args?: string[]
  /** Keys of a ConfigMap that cannot be a variable's name: kubelet's InvalidVariableNames event. */
  warnings: string[]
}

/**
 * What a container's process gets, in kubelet's order: envFrom, then env (which may refer to what stands before it and to
 * service links), then the service links that nothing replaced. Throws a KubehopError CreateContainerConfigError that names
 * the ConfigMap, key or field that lacks.
 */
export function environmentOf(input: EnvironmentInput): Environment {
  const { pod, container } = input
  const namespace = pod.metadata.namespace ?? 'default'
  const links = serviceLinks(input.services, namespace, pod.spec.enableServiceLinks !== false)
  const env = new Map<string, string>()
  const warnings: string[] = []
  const valueOf = (name: string): string | undefined => env.get(name) ?? links.get(name)

  for (const [name, value] of fromObjects(input, namespace, warnings)) env.set(name, value)
  for (const variable of container.env ?? []) {
    const value = valueFor(variable, input, namespace, valueOf)
    if (value !== undefined) env.set(variable.name, value)
  }
  for (const [name, value] of links) if (!env.has(name)) env.set(name, value)

  const expanded = (words: string[]): string[] => words.map((word) => expand(word, (name) => env.get(name)))
  return {
    env,
    ...(container.command && { command: expanded(container.command) }),
    ...(container.args && { args: expanded(container.args) }),
    warnings,
  }
}

function* fromObjects(
  input: EnvironmentInput,
  namespace: string,
  warnings: string[],
): Generator<[string, string], void> {
  for (const { prefix = '', configMapRef, secretRef } of input.container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef
    if (!ref) continue
    const source = configMapRef ? configMapIn(input, ref.name) : secretIn(input, ref.name)
    if (!source.data && ref.optional === true) continue
    if (!source.data) throw lacks(input, 'envFrom', `${source.kind} "${ref.name}" not found in namespace ${namespace}`)
    const invalid: string[] = []
    for (const [key, value] of source.data)
      if (isVariableName(prefix + key)) yield [prefix + key, value]
      else invalid.push(prefix + key)
    if (invalid.length > 0)
      warnings.push(
        `Keys [${invalid.sort().join(', ')}] from the EnvFrom ${source.word} ${namespace}/${ref.name} were skipped ` +
          'since they are considered invalid environment variable names.',
      )
  }
}

interface Source {
  kind: string
  word: string
  /** Missing: there is no such object. */
  data: Map<string, string> | undefined
}

function configMapIn({ configMap }: EnvironmentInput, name: string): Source {
  const map = configMap(name)
  return { kind: 'ConfigMap', word: 'configMap', data: map && new Map(Object.entries(map.data ?? {})) }
}

function secretIn({ secret }: EnvironmentInput, name: string): Source {
  const found = secret(name)
  const entries = Object.entries(found?.data ?? {}).map(([key, text]): [string, string] => [
    key,
    Buffer.from(text, 'base64').toString('utf8'),
  ])
  return { kind: 'Secret', word: 'secret', data: found && new Map(entries) }
}

/** undefined: an optional source that is not there leaves the variable unset. */
function valueFor(
  variable: EnvVar,
  input: EnvironmentInput,
  namespace: string,
  valueOf: (name: string) => string | undefined,
): string | undefined {
  if (variable.value) return expand(variable.value, valueOf)
  const { fieldRef, configMapKeyRef, secretKeyRef, resourceFieldRef } = variable.valueFrom ?? {}
  const what = `env ${variable.name}`
  if (fieldRef) {
    const value = fieldOf(fieldRef.fieldPath, input)
    if (value === undefined) throw lacks(input, what, `unsupported fieldPath "${fieldRef.fieldPath}"`)
    return value
  }
  const ref = configMapKeyRef ?? secretKeyRef
  if (ref) {
    const { name, key, optional } = ref
    const source = configMapKeyRef ? configMapIn(input, name) : secretIn(input, name)
    const value = source.data?.get(key)
    if (value !== undefined || optional === true) return value
    throw lacks(
      input,
      what,
      source.data
        ? `no key "${key}" in ${source.kind} ${namespace}/${name}`
        : `${source.kind} "${name}" not found in namespace ${namespace}`,
    )
  }
  if (resourceFieldRef) {
    const value = resourceValue(input.pod, input.container, resourceFieldRef)
    if (value !== undefined) return value
    throw lacks(input, what, `unsupported resourceFieldRef ${JSON.stringify(resourceFieldRef)}`)
  }
  // An empty value in the place of one that this program cannot get would be a search for whoever reads it.
  const [other] = Object.keys(variable.valueFrom ?? {})
  if (other === undefined) return ''
  const known = 'fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef'
  throw lacks(input, what, `valueFrom.${other} is not supported; there are ${known}`)
}

/** The downward API's fields for variables. A label or annotation that is not there is empty, as in kubelet. */
function fieldOf(path: string, { pod, podIPs, hostIPs }: EnvironmentInput): string | undefined {
  const { metadata, spec } = pod
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (subscript) return own(metadata[subscript[1] as 'labels' | 'annotations'], subscript[2] ?? '') ?? ''
  switch (path) {
    case 'metadata.name':
      return metadata.name
    case 'metadata.namespace':
      return metadata.namespace ?? 'default'
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'spec.nodeName':
      return spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default'
    case 'status.hostIP':
      return hostIPs[0] ?? ''
    case 'status.hostIPs':
      return hostIPs.join(',')
    case 'status.podIP':
      return podIPs[0] ?? ''
    case 'status.podIPs':
      return podIPs.join(',')
    default:
      return undefined
  }
}

function own(of: Record<string, string> | undefined, key: string): string | undefined {
  return of && Object.hasOwn(of, key) ? of[key] : undefined
}

/** Printable ASCII without `=` (KEP-4369); the kernel would accept more, programs do not. */
function isVariableName(name: string): boolean {
  return /^[ -<>-~]+$/.test(name)
}

function lacks({ container }: EnvironmentInput, what: string, say: string): KubehopError {
  return new KubehopError('pod', `container ${container.name}`, 'CreateContainerConfigError', `${what}: ${say}`)
}
