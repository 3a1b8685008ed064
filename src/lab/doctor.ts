import type { Authority } from '../api/certificates/authority.ts'
import { makeClientCertificate } from '../api/certificates/certificates.ts'
import { ApiError, type Client } from '../api/client/client.ts'
import { type Diagnosis, diagnosisOf } from '../doctor/diagnosis.ts'
import { listed } from '../doctor/findings/finding.ts'
import { lookAt } from '../doctor/look.ts'
import type { View } from '../doctor/types.ts'
import type { Case } from '../trace/case.ts'
import type { LabPlace } from '../trace/cluster/cluster.ts'
import type { Trace } from '../trace/types.ts'
import { readDoctorWish } from './doctor-wish.ts'
import { askMachines } from './facts.ts'
import { nodeDnsAddress, routerAddress, type Settings } from './settings.ts'
import type { Tracer, TraceWish } from './trace.ts'
import type { Wire } from './wire.ts'

export const doctorPath = '/kubehop/doctor'

/**
 * Answers `POST /kubehop/doctor`: `{ namespace?, for?: { from, to, namespace?, timeoutMs? } }`. Objects and kernels are looked at after the request,
 * so that all three are of one moment.
 */
export function doctorExtension(
  settings: Settings & LabPlace,
  wire: Wire,
  authority: Authority,
  client: () => Client,
  tracer: Tracer,
): (body: unknown, gone: AbortSignal) => Promise<Diagnosis> {
  const tls = {
    ca: authority.cert,
    ...makeClientCertificate(authority, { name: 'kubehop-doctor', groups: ['system:masters'] }),
  }
  const router = { name: 'router', address: routerAddress(settings) }
  return async (body, signal) => {
    const { namespace, wish } = readDoctorWish(body)
    const sent = wish && (await send(tracer, wish, signal))
    const [look, { machines, silent }] = await Promise.all([
      lookAt(client(), settings.zone),
      askMachines(settings, wire, tls, signal),
    ])
    const { cluster, events, policies, namespaces, untold } = look
    if (namespace !== undefined && !namespaces.some(({ metadata }) => metadata.name === namespace))
      throw new ApiError(404, 'NotFound', noNamespace(namespace, namespaces))
    const node = sent?.request?.source.node
    const view: View = {
      cluster: {
        ...cluster,
        lab: { folder: settings.folder, userNamespace: settings.userNamespace },
        router,
        ...(settings.nodeDns && node !== undefined && { nodeDns: { address: nodeDnsAddress, node } }),
      },
      ranges: { pods: settings.podCidr, services: settings.serviceCidr, nodes: settings.nodeCidr },
      machines,
      events,
      policies,
      namespaces,
      // A lab has neither: whoever installs one there knows better than this.
      enforced: false,
      balanced: false,
      now: Date.now(),
      ...(sent?.request && { request: sent.request }),
      ...(namespace !== undefined && { namespace }),
    }
    const away = silent.map(({ node: name, say }) => `the kernel of ${name}: ${say}`)
    return diagnosisOf(view, [...untold, ...away, ...machines.flatMap(unread)], sent?.trace)
  }
}

/** The request, and everything that was seen of it. */
async function send(
  tracer: Tracer,
  wish: TraceWish,
  signal: AbortSignal,
): Promise<{ trace: Trace; request: Case | undefined }> {
  let request: Case | undefined
  const trace = await tracer(wish, signal, (one) => {
    request = one
    return []
  })
  return { trace, request }
}

function unread({ node, unread: said }: View['machines'][number]): string[] {
  return said.map((say) => `on ${node}: ${say}`)
}

export function noNamespace(wanted: string, all: readonly { metadata: { name: string } }[]): string {
  const names = all.map(({ metadata }) => metadata.name)
  return `there is no namespace "${wanted}"; there is ${listed(names, 20)}`
}
