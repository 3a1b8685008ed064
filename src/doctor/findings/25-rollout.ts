import type { Service } from '../../api/objects/service.ts'
import type { Deployment } from '../../api/objects/workload.ts'
import { triggerTimeAnnotation } from '../../api/objects/endpointslice.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { parseAddress } from '../../base/address.ts'
import type { Because } from '../../trace/types.ts'
import { directoryOf, meets, spaceOf } from '../directory.ts'
import type { Check, Finding, Patch, View } from '../types.ts'
import { failedAt, listed, nameOf, referTo, senderOf } from './finding.ts'

/** Pods that serve are ended before nobody sends to them any more, or before others serve. */
export const check: Check = {
  number: 25,
  title: 'errors during a rollout: pods end while clients are still sent to them',
  codes: ['RolloutCutsOff', 'EndedWhileServing'],
  needs: 'objects',
  uses: 'request',
  find: (view) => [...view.cluster.deployments.flatMap((one) => ofDeployment(view, one)), ...ofRequest(view)],
}

function ofDeployment({ cluster }: View, deployment: Deployment): Finding[] {
  const { replicas = 1, template } = deployment.spec
  const services = cluster.services.filter(
    (service) =>
      spaceOf(service) === spaceOf(deployment) &&
      (service.spec.ports ?? []).length > 0 &&
      Object.keys(service.spec.selector ?? {}).length > 0 &&
      meets(template.metadata?.labels, service.spec.selector ?? {}),
  )
  if (services.length === 0 || replicas === 0) return []
  const noGrace = template.spec.terminationGracePeriodSeconds === 0
  const allAtOnce = replicas > 1 ? takesAll(deployment, replicas) : undefined
  if (!noGrace && allAtOnce === undefined) return []
  const unprobed = servingContainers(deployment, services).filter(({ readinessProbe }) => readinessProbe === undefined)
  const reasons = [
    ...(noGrace
      ? ['kills its pods at once (terminationGracePeriodSeconds 0), while nodes still send connections to them']
      : []),
    ...(allAtOnce === undefined ? [] : [`takes all ${replicas} pods down at once (${allAtOnce.text})`]),
    ...(unprobed.length > 0
      ? [
          `counts a new pod as ready before it listens (container ${listed(unprobed.map(({ name }) => name))} has no readinessProbe)`,
        ]
      : []),
  ]
  const evidence: Because[] = [
    ...(noGrace ? ['spec.template.spec.terminationGracePeriodSeconds: 0'] : []),
    ...(allAtOnce === undefined ? [] : [`${allAtOnce.field}: ${allAtOnce.value}`]),
    ...unprobed.map(({ name }) => `container ${name}: no readinessProbe`),
  ].map((text) => ({ kind: 'object', text: `${nameOf(deployment)}: ${text}` }))
  return [
    {
      number: 25,
      code: 'RolloutCutsOff',
      level: 'warning',
      object: referTo(deployment),
      also: services.map(referTo),
      field: noGrace ? 'spec.template.spec.terminationGracePeriodSeconds' : (allAtOnce?.field ?? 'spec'),
      sure: 'likely',
      evidence,
      say: `each rollout of ${nameOf(deployment)} is felt by clients of ${listed(services.map(nameOf))}: it ${reasons.join('; it ')}`,
      fix: [
        ...(noGrace
          ? [
              'give pods time to end what they began (30 s is usual), and a preStop of a few seconds for nodes to hear of it',
            ]
          : []),
        ...(allAtOnce === undefined ? [] : ['let maxUnavailable leave some pods serving (25% is usual)']),
        ...(unprobed.length > 0 ? ['add a readinessProbe'] : []),
      ].join('; '),
      patch: patchOf(deployment, noGrace, allAtOnce !== undefined, unprobed),
    },
  ]
}

/** maxUnavailable rounds down (pkg/controller/deployment/util, ResolveFenceposts); absent it is 25%. */
function takesAll(
  { spec: { strategy } }: Deployment,
  replicas: number,
): { text: string; field: string; value: string } | undefined {
  if (strategy?.type === 'Recreate')
    return { text: 'strategy Recreate', field: 'spec.strategy.type', value: 'Recreate' }
  const value = strategy?.rollingUpdate?.maxUnavailable ?? '25%'
  const many = typeof value === 'number' ? value : Math.floor((Number.parseFloat(value) / 100) * replicas)
  const field = 'spec.strategy.rollingUpdate.maxUnavailable'
  return many >= replicas ? { text: `maxUnavailable ${value}`, field, value: String(value) } : undefined
}

type Container = Deployment['spec']['template']['spec']['containers'][number]

/** Those that declare a port that a service leads to; where nobody declares one, the only container. */
function servingContainers(
  { spec: { template } }: Deployment,
  services: readonly Service[],
): (Container & { serves?: string | number })[] {
  const wanted = services.flatMap(({ spec }) => (spec.ports ?? []).map((one) => one.targetPort ?? one.port))
  const { containers } = template.spec
  const declaring = containers.flatMap((one) => {
    const port = (one.ports ?? []).find(
      ({ name, containerPort }) => wanted.includes(containerPort) || (name !== undefined && wanted.includes(name)),
    )
    return port ? [{ ...one, serves: port.containerPort }] : []
  })
  if (declaring.length > 0) return declaring
  const [only, ...others] = containers
  const number = wanted.find((one) => typeof one === 'number')
  return only && others.length === 0 ? [{ ...only, ...(number !== undefined && { serves: number }) }] : []
}

function patchOf(
  { metadata: { namespace, name }, spec }: Deployment,
  noGrace: boolean,
  allAtOnce: boolean,
  unprobed: readonly (Container & { serves?: string | number })[],
): Patch {
  const probed = unprobed.flatMap((one) =>
    one.serves === undefined ? [] : [{ name: one.name, readinessProbe: { tcpSocket: { port: one.serves } } }],
  )
  const pod = {
    ...(noGrace && { terminationGracePeriodSeconds: 30 }),
    ...(probed.length > 0 && { containers: probed }),
  }
  const strategy = {
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable: '25%', ...(spec.strategy?.type === 'Recreate' && { maxSurge: '25%' }) },
  }
  return {
    kind: 'Deployment',
    ...(namespace !== undefined && { namespace }),
    name,
    type: 'strategic',
    body: {
      spec: { ...(allAtOnce && { strategy }), ...(Object.keys(pod).length > 0 && { template: { spec: pod } }) },
    },
  }
}

/** A request that met a pod on its way out: its deletion, the slice's change and the request on one time line. */
function ofRequest(view: View): Finding[] {
  const { cluster, request } = view
  const service = failedAt(view)
  const chosen = request?.hops.find(({ action, after }) => action === 'translated' && after !== undefined)?.after?.dst
  const first = request?.story.flow.there[0]
  if (!request || !service || !first || chosen === undefined) return []
  const address = parseAddress(chosen.slice(0, chosen.lastIndexOf(':')).replace(/^\[|\]$/g, ''))
  const [pod] = address === undefined ? [] : directoryOf(cluster).podsAt(address)
  const deleted = pod && deletionOf(pod)
  if (!pod || deleted === undefined) return []
  const sent = Number(first.time / 1_000_000n)
  const changed = directoryOf(cluster)
    .slices(service)
    .map(({ metadata }) => Date.parse(metadata.annotations?.[triggerTimeAnnotation] ?? ''))
    .filter((time) => time >= deleted)
  const line: [number, string][] = [
    [deleted, `deletion of ${nameOf(pod)}, with ${pod.metadata.deletionGracePeriodSeconds ?? 30} s to end`],
    [sent, `the request, sent to ${chosen}`],
    ...changed.map((time): [number, string] => [time, `its slice of ${nameOf(service)} changed`]),
  ]
  const evidence = line
    .toSorted(([a], [b]) => a - b)
    .map(([time, text]): Because => ({ kind: 'object', text: `${secondsAfter(deleted, time)}: ${text}` }))
  return [
    {
      number: 25,
      code: 'EndedWhileServing',
      level: 'error',
      object: referTo(pod),
      also: [referTo(service), senderOf(request)],
      field: 'spec.containers[].lifecycle.preStop',
      sure: 'certain',
      evidence,
      say: `${nameOf(pod)} was being ended when the request was sent to it (${secondsAfter(deleted, sent)} after its deletion), and served no more`,
      fix: 'let it serve on for a few seconds after SIGTERM, or give it a preStop that sleeps: nodes hear of its end a moment later than it does',
    },
  ]
}

/** metadata.deletionTimestamp is when it has to be gone: its deletion was that much earlier. */
function deletionOf({ metadata }: Pod): number | undefined {
  const end = Date.parse(metadata.deletionTimestamp ?? '')
  return Number.isNaN(end) ? undefined : end - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
}

/** Objects tell their times to the second. */
function secondsAfter(start: number, time: number): string {
  return `${((time - start) / 1000).toFixed(1)} s`
}
