import { type Fault, fault } from '../errors.ts'
import type { Container, ContainerPort, EnvVar, PodSpec, Probe, Volume } from '../objects/pod.ts'
import { ipAddress, notNegative, oneOf, port, portNumberOrName, unique } from './checks.ts'
import { dnsLabel, dnsSubdomain, labels, portName } from './names.ts'

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

export function validatePodSpec(path: string, spec: PodSpec | undefined): Fault[] {
  if (spec === undefined) return [fault.required(path)]
  const faults: Fault[] = []
  const all = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  if (!spec.containers?.length) faults.push(fault.required(`${path}.containers`))
  const volumes = new Set((spec.volumes ?? []).map((one) => one.name))
  for (const [at, one] of (spec.volumes ?? []).entries()) faults.push(...validateVolume(`${path}.volumes[${at}]`, one))
  faults.push(
    ...unique(
      (at) => `${path}.volumes[${at}].name`,
      spec.volumes ?? [],
      (one) => one.name,
    ),
  )
  for (const [field, list] of [
    ['initContainers', spec.initContainers ?? []],
    ['containers', spec.containers ?? []],
  ] as const)
    for (const [at, one] of list.entries())
      faults.push(...validateContainer(`${path}.${field}[${at}]`, one, volumes, spec, field === 'initContainers'))
  const inits = spec.initContainers?.length ?? 0
  faults.push(
    ...unique(
      (at) => (at < inits ? `${path}.initContainers[${at}].name` : `${path}.containers[${at - inits}].name`),
      all,
      (one) => one.name,
    ),
    ...hostPorts(path, spec),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...notNegative(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
    ...labels(`${path}.nodeSelector`, spec.nodeSelector),
  )
  if (spec.nodeName) faults.push(...dnsSubdomain(`${path}.nodeName`, spec.nodeName))
  if (spec.hostname) faults.push(...dnsLabel(`${path}.hostname`, spec.hostname))
  if (spec.subdomain) faults.push(...dnsLabel(`${path}.subdomain`, spec.subdomain))
  if (spec.serviceAccountName) faults.push(...dnsSubdomain(`${path}.serviceAccountName`, spec.serviceAccountName))
  if (spec.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds < 1)
    faults.push(
      fault.invalid(
        `${path}.activeDeadlineSeconds`,
        spec.activeDeadlineSeconds,
        'must be between 1 and 2147483647, inclusive',
      ),
    )
  return [...faults, ...validateDns(path, spec), ...validateAliases(path, spec), ...validateTolerations(path, spec)]
}

function validateContainer(
  path: string,
  one: Container,
  volumes: ReadonlySet<string>,
  spec: PodSpec,
  init: boolean,
): Fault[] {
  const faults = one.name ? dnsLabel(`${path}.name`, one.name) : [fault.required(`${path}.name`)]
  if (!one.image) faults.push(fault.required(`${path}.image`))
  else if (one.image.trim() !== one.image)
    faults.push(fault.invalid(`${path}.image`, one.image, 'must not have leading or trailing whitespace'))
  faults.push(
    ...oneOf(`${path}.imagePullPolicy`, one.imagePullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ...oneOf(`${path}.terminationMessagePolicy`, one.terminationMessagePolicy, ['FallbackToLogsOnError', 'File']),
    ...unique(
      (at) => `${path}.ports[${at}].name`,
      one.ports ?? [],
      (each) => each.name,
    ),
    ...unique(
      (at) => `${path}.volumeMounts[${at}].mountPath`,
      one.volumeMounts ?? [],
      (each) => each.mountPath,
    ),
  )
  for (const [at, each] of (one.ports ?? []).entries())
    faults.push(...validatePort(`${path}.ports[${at}]`, each, spec.hostNetwork === true))
  for (const [at, each] of (one.env ?? []).entries()) faults.push(...validateEnv(`${path}.env[${at}]`, each))
  for (const [at, each] of (one.volumeMounts ?? []).entries()) {
    const here = `${path}.volumeMounts[${at}]`
    if (!each.name) faults.push(fault.required(`${here}.name`))
    else if (!volumes.has(each.name)) faults.push(fault.notFound(`${here}.name`, each.name))
    if (!each.mountPath) faults.push(fault.required(`${here}.mountPath`))
    if (each.subPath?.startsWith('/'))
      faults.push(fault.invalid(`${here}.subPath`, each.subPath, 'must be a relative path'))
    if (each.subPath?.split('/').includes('..'))
      faults.push(fault.invalid(`${here}.subPath`, each.subPath, "must not contain '..'"))
  }
  const probes = {
    readinessProbe: one.readinessProbe,
    livenessProbe: one.livenessProbe,
    startupProbe: one.startupProbe,
  }
  const sidecar = init && one.restartPolicy === 'Always'
  for (const [field, probe] of Object.entries(probes)) {
    if (probe === undefined) continue
    if (init && !sidecar)
      faults.push(
        fault.forbidden(`${path}.${field}`, 'may not be set for init containers without restartPolicy=Always'),
      )
    faults.push(...validateProbe(`${path}.${field}`, probe, field === 'readinessProbe'))
  }
  return faults
}

function validatePort(path: string, one: ContainerPort, hostNetwork: boolean): Fault[] {
  const faults =
    one.containerPort === undefined
      ? [fault.required(`${path}.containerPort`)]
      : port(`${path}.containerPort`, one.containerPort)
  if (one.name) faults.push(...portName(`${path}.name`, one.name))
  if (one.hostPort) {
    faults.push(...port(`${path}.hostPort`, one.hostPort))
    if (hostNetwork && one.hostPort !== one.containerPort)
      faults.push(
        fault.invalid(`${path}.hostPort`, one.hostPort, 'must match `containerPort` when `hostNetwork` is true'),
      )
  }
  if (one.hostIP) faults.push(...ipAddress(`${path}.hostIP`, one.hostIP))
  return [...faults, ...oneOf(`${path}.protocol`, one.protocol, ['SCTP', 'TCP', 'UDP'])]
}

function hostPorts(path: string, spec: PodSpec): Fault[] {
  const seen = new Set<string>()
  const faults: Fault[] = []
  for (const [at, container] of (spec.containers ?? []).entries())
    for (const [index, one] of (container.ports ?? []).entries()) {
      if (!one.hostPort) continue
      const key = `${one.protocol}/${one.hostIP ?? ''}/${one.hostPort}`
      if (seen.has(key)) faults.push(fault.duplicate(`${path}.containers[${at}].ports[${index}].hostPort`, key))
      seen.add(key)
    }
  return faults
}

function validateEnv(path: string, one: EnvVar): Fault[] {
  const faults: Fault[] = []
  if (!one.name) faults.push(fault.required(`${path}.name`))
  else if (/[=\0]/.test(one.name)) faults.push(fault.invalid(`${path}.name`, one.name, "must not contain '='"))
  if (one.valueFrom) {
    if (one.value) faults.push(fault.invalid(`${path}.valueFrom`, '', 'may not be specified when `value` is not empty'))
    if (Object.keys(one.valueFrom).length !== 1)
      faults.push(
        fault.invalid(
          `${path}.valueFrom`,
          '',
          'must specify exactly one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
        ),
      )
    const { fieldRef, configMapKeyRef, secretKeyRef } = one.valueFrom
    if (fieldRef && !fieldRefs.test(fieldRef.fieldPath))
      faults.push(
        fault.invalid(
          `${path}.valueFrom.fieldRef.fieldPath`,
          fieldRef.fieldPath,
          'error converting fieldPath: field label not supported',
        ),
      )
    for (const [field, ref] of Object.entries({ configMapKeyRef, secretKeyRef })) {
      if (ref === undefined) continue
      if (!ref.name) faults.push(fault.required(`${path}.valueFrom.${field}.name`))
      if (!ref.key) faults.push(fault.required(`${path}.valueFrom.${field}.key`))
    }
  }
  return faults
}

const fieldRefs =
  /^(metadata\.(name|namespace|uid)|metadata\.(labels|annotations)\['.+'\]|spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs))$/

function validateProbe(path: string, probe: Probe, readiness: boolean): Fault[] {
  const faults: Fault[] = []
  const handlers = [probe.httpGet, probe.tcpSocket, probe.exec, probe.grpc].filter((one) => one !== undefined)
  if (handlers.length === 0) faults.push(fault.required(path, 'must specify a handler type'))
  if (handlers.length > 1) faults.push(fault.forbidden(path, 'may not specify more than 1 handler type'))
  for (const field of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    faults.push(...notNegative(`${path}.${field}`, probe[field]))
  if (!readiness && probe.successThreshold !== undefined && probe.successThreshold !== 1)
    faults.push(fault.invalid(`${path}.successThreshold`, probe.successThreshold, 'must be 1'))
  if (probe.httpGet) {
    faults.push(...portNumberOrName(`${path}.httpGet.port`, probe.httpGet.port))
    faults.push(...oneOf(`${path}.httpGet.scheme`, probe.httpGet.scheme, ['HTTP', 'HTTPS']))
    for (const [at, one] of (probe.httpGet.httpHeaders ?? []).entries())
      if (!/^[-A-Za-z0-9]+$/.test(one.name))
        faults.push(
          fault.invalid(
            `${path}.httpGet.httpHeaders[${at}].name`,
            one.name,
            "a valid HTTP header must consist of alphanumeric characters or '-'",
          ),
        )
  }
  if (probe.tcpSocket) faults.push(...portNumberOrName(`${path}.tcpSocket.port`, probe.tcpSocket.port))
  if (probe.grpc) faults.push(...port(`${path}.grpc.port`, probe.grpc.port))
  if (probe.exec && !probe.exec.command?.length) faults.push(fault.required(`${path}.exec.command`))
  return faults
}

function validateVolume(path: string, volume: Volume): Fault[] {
  const faults = volume.name ? dnsLabel(`${path}.name`, volume.name) : [fault.required(`${path}.name`)]
  const { name: _name, ...sources } = volume
  if (Object.keys(sources).length > 1) faults.push(fault.forbidden(path, 'may not specify more than 1 volume type'))
  if (volume.hostPath) {
    if (!volume.hostPath.path) faults.push(fault.required(`${path}.hostPath.path`))
    else if (volume.hostPath.path.split('/').includes('..'))
      faults.push(fault.invalid(`${path}.hostPath.path`, volume.hostPath.path, "must not contain '..'"))
    faults.push(
      ...oneOf(`${path}.hostPath.type`, volume.hostPath.type, [
        '',
        'BlockDevice',
        'CharDevice',
        'Directory',
        'DirectoryOrCreate',
        'File',
        'FileOrCreate',
        'Socket',
      ]),
    )
  }
  if (volume.configMap && !volume.configMap.name) faults.push(fault.required(`${path}.configMap.name`))
  if (volume.secret && !volume.secret.secretName) faults.push(fault.required(`${path}.secret.secretName`))
  for (const [field, items] of Object.entries({ configMap: volume.configMap?.items, secret: volume.secret?.items }))
    for (const [at, item] of (items ?? []).entries()) {
      if (!item.key) faults.push(fault.required(`${path}.${field}.items[${at}].key`))
      if (!item.path) faults.push(fault.required(`${path}.${field}.items[${at}].path`))
      else if (item.path.startsWith('/') || item.path.split('/').includes('..'))
        faults.push(
          fault.invalid(`${path}.${field}.items[${at}].path`, item.path, "must be a relative path without '..'"),
        )
    }
  return faults
}

function validateDns(path: string, spec: PodSpec): Fault[] {
  const faults: Fault[] = []
  const servers = spec.dnsConfig?.nameservers ?? []
  if (spec.dnsPolicy === 'None' && servers.length === 0)
    faults.push(
      fault.required(
        `${path}.dnsConfig.nameservers`,
        'must provide at least one DNS nameserver when `dnsPolicy` is None',
      ),
    )
  if (servers.length > 3)
    faults.push(fault.invalid(`${path}.dnsConfig.nameservers`, servers, 'must not have more than 3 nameservers'))
  for (const [at, one] of servers.entries()) faults.push(...ipAddress(`${path}.dnsConfig.nameservers[${at}]`, one))
  const searches = spec.dnsConfig?.searches ?? []
  if (searches.length > 32)
    faults.push(fault.invalid(`${path}.dnsConfig.searches`, searches, 'must not have more than 32 search paths'))
  for (const [at, one] of searches.entries())
    if (one !== '.')
      faults.push(...dnsSubdomain(`${path}.dnsConfig.searches[${at}]`, one.replace(/\.$/, '').replaceAll('_', '-')))
  for (const [at, one] of (spec.dnsConfig?.options ?? []).entries())
    if (!one.name) faults.push(fault.required(`${path}.dnsConfig.options[${at}]`, 'must not be empty'))
  return faults
}

function validateAliases(path: string, spec: PodSpec): Fault[] {
  return (spec.hostAliases ?? []).flatMap((one, at) => [
    ...ipAddress(`${path}.hostAliases[${at}].ip`, one.ip),
    ...(one.hostnames ?? []).flatMap((name, index) =>
      dnsSubdomain(`${path}.hostAliases[${at}].hostnames[${index}]`, name),
    ),
  ])
}

function validateTolerations(path: string, spec: PodSpec): Fault[] {
  return (spec.tolerations ?? []).flatMap((one, at) => {
    const here = `${path}.tolerations[${at}]`
    const faults = oneOf(`${here}.operator`, one.operator, ['Equal', 'Exists'])
    if (one.effect) faults.push(...oneOf(`${here}.effect`, one.effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute']))
    if (!one.key && one.operator !== 'Exists')
      faults.push(
        fault.invalid(
          `${here}.operator`,
          one.operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      )
    if (one.operator === 'Exists' && one.value)
      faults.push(fault.invalid(`${here}.operator`, one, "value must be empty when `operator` is 'Exists'"))
    return faults
  })
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
