import type { Container, PodSpec, Probe, Volume } from '../objects/pod.ts'

/** Defaults of a pod's spec, also inside the templates of workloads. */
export function podSpecDefaults(spec: PodSpec): void {
  spec.restartPolicy ??= 'Always'
  spec.terminationGracePeriodSeconds ??= 30
  spec.dnsPolicy ??= 'ClusterFirst'
  spec.securityContext ??= {}
  spec.schedulerName ??= 'default-scheduler'
  if (spec.serviceAccountName !== undefined) spec.serviceAccount ??= spec.serviceAccountName
  else if (spec.serviceAccount !== undefined) spec.serviceAccountName = spec.serviceAccount
  for (const one of spec.initContainers ?? []) containerDefaults(one)
  for (const one of spec.containers ?? []) containerDefaults(one)
  for (const one of spec.ephemeralContainers ?? []) containerDefaults(one)
  for (const one of spec.volumes ?? []) volumeDefaults(one)
}

function containerDefaults(one: Container): void {
  one.resources ??= {}
  const { limits, requests } = one.resources as Record<string, Record<string, string> | undefined>
  if (limits) one.resources['requests'] = { ...limits, ...requests }
  one.terminationMessagePath ??= '/dev/termination-log'
  one.terminationMessagePolicy ??= 'File'
  one.imagePullPolicy ??= latest(one.image ?? '') ? 'Always' : 'IfNotPresent'
  for (const each of one.ports ?? []) each.protocol ??= 'TCP'
  for (const each of one.env ?? []) if (each.valueFrom?.fieldRef) each.valueFrom.fieldRef.apiVersion ??= 'v1'
  for (const probe of [one.readinessProbe, one.livenessProbe, one.startupProbe]) if (probe) probeDefaults(probe)
  for (const hook of [one.lifecycle?.postStart, one.lifecycle?.preStop]) if (hook?.httpGet) httpDefaults(hook.httpGet)
}

/** No tag and no digest is `:latest`. */
function latest(image: string): boolean {
  const name = image.slice(image.lastIndexOf('/') + 1)
  return !image.includes('@') && (!name.includes(':') || name.endsWith(':latest'))
}

function probeDefaults(probe: Probe): void {
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.httpGet) httpDefaults(probe.httpGet)
  if (probe.grpc) probe.grpc.service ??= ''
}

function httpDefaults(get: NonNullable<Probe['httpGet']>): void {
  get.path ||= '/'
  get.scheme ??= 'HTTP'
}

const ownerReadWrite = 0o644

function volumeDefaults(volume: Volume): void {
  if (volume.configMap) volume.configMap.defaultMode ??= ownerReadWrite
  if (volume.secret) volume.secret.defaultMode ??= ownerReadWrite
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= ownerReadWrite
    fieldRefDefaults(volume.downwardAPI.items)
  }
  if (volume.projected) {
    volume.projected.defaultMode ??= ownerReadWrite
    for (const source of volume.projected.sources ?? []) {
      fieldRefDefaults(source.downwardAPI?.items)
      if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= 3600
    }
  }
  if (volume.hostPath) volume.hostPath.type ??= ''
  const { name: _name, ...sources } = volume
  if (Object.keys(sources).length === 0) volume.emptyDir = {}
}

function fieldRefDefaults(items: { fieldRef?: { apiVersion?: string } }[] | undefined): void {
  for (const one of items ?? []) if (one.fieldRef) one.fieldRef.apiVersion ??= 'v1'
}

/** The resource guarantees class of a pod, from its containers' requests and limits. */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])]
  const of = (one: Container, field: string): Record<string, string> =>
    (one.resources?.[field] ?? {}) as Record<string, string>
  if (all.every((one) => Object.keys(of(one, 'requests')).length + Object.keys(of(one, 'limits')).length === 0))
    return 'BestEffort'
  const guaranteed = all.every((one) =>
    ['cpu', 'memory'].every(
      (name) =>
        of(one, 'limits')[name] !== undefined &&
        of(one, 'limits')[name] === (of(one, 'requests')[name] ?? of(one, 'limits')[name]),
    ),
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}
