import { type Fault, fault } from '../errors.ts'
import type { PodSpec, Volume } from '../objects/pod.ts'
import { amount, validateResources } from './amounts.ts'
import { ipAddress, notNegative, oneOf, unique } from './checks.ts'
import { validateContainer } from './container.ts'
import { validateEphemeral } from './ephemeral.ts'
import { dnsLabel, dnsSubdomain, labels } from './names.ts'

/** More than any pod needs; upstream's only limit is the size of the object. Starting thousands would keep a node from all its other pods. */
const maxContainers = 250

/** The faults of a pod's spec, also inside the templates of workloads. */
export function validatePodSpec(path: string, spec: PodSpec | undefined): Fault[] {
  if (spec === undefined) return [fault.required(path)]
  const faults: Fault[] = []
  const regular = [...(spec.initContainers ?? []), ...(spec.containers ?? [])]
  const ephemeral = spec.ephemeralContainers ?? []
  const all = [...regular, ...ephemeral]
  if (!spec.containers?.length) faults.push(fault.required(`${path}.containers`))
  // Said alone: one fault more for each of them helps nobody.
  if (all.length > maxContainers) return [fault.tooMany(`${path}.containers`, all.length, maxContainers)]
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
  for (const [at, one] of ephemeral.entries())
    faults.push(...validateEphemeral(`${path}.ephemeralContainers[${at}]`, one, volumes, spec))
  if (path !== 'spec' && ephemeral.length > 0)
    faults.push(fault.forbidden(`${path}.ephemeralContainers`, 'ephemeral containers not allowed in pod template'))
  const inits = spec.initContainers?.length ?? 0
  faults.push(
    ...unique(
      (at) =>
        at < inits
          ? `${path}.initContainers[${at}].name`
          : at < regular.length
            ? `${path}.containers[${at - inits}].name`
            : `${path}.ephemeralContainers[${at - regular.length}].name`,
      all,
      (one) => one.name,
    ),
    ...validateResources(`${path}.resources`, spec.resources),
    ...hostPorts(path, spec),
    ...oneOf(`${path}.restartPolicy`, spec.restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOf(`${path}.dnsPolicy`, spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...notNegative(`${path}.terminationGracePeriodSeconds`, spec.terminationGracePeriodSeconds),
    ...labels(`${path}.nodeSelector`, spec.nodeSelector),
  )
  if (spec.hostPID && spec.shareProcessNamespace)
    faults.push(
      fault.invalid(
        `${path}.securityContext.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
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
  faults.push(...amount(`${path}.emptyDir.sizeLimit`, volume.emptyDir?.sizeLimit))
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
