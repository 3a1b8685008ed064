import { type Fault, fault } from '../errors.ts'
import type { Container, ContainerPort, EnvVar, PodSpec, Probe, VolumeMount } from '../objects/pod.ts'
import { validateResources } from './amounts.ts'
import { ipAddress, notNegative, oneOf, port, portNumberOrName, unique } from './checks.ts'
import { dnsLabel, portName } from './names.ts'
import { validateRestarts } from './restart-rules.ts'

/** The faults of one container; `volumes` are those that its pod has. */
export function validateContainer(
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
    ...validateRestarts(path, one),
    ...validateResources(`${path}.resources`, one.resources),
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
    if (each.subPath && each.subPathExpr)
      faults.push(
        fault.invalid(`${here}.subPathExpr`, each.subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      )
    if (asksDeep(each) && each.readOnly !== true)
      faults.push(fault.forbidden(`${here}.recursiveReadOnly`, 'may only be specified when readOnly is true'))
  }
  const { privileged, allowPrivilegeEscalation } = one.securityContext ?? {}
  if (privileged === true && allowPrivilegeEscalation === false)
    faults.push(
      fault.invalid(
        `${path}.securityContext`,
        one.securityContext,
        'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
      ),
    )
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

function asksDeep({ recursiveReadOnly = '' }: VolumeMount): boolean {
  return !['', 'Disabled'].includes(recursiveReadOnly)
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
