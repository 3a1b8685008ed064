import type { Service, ServicePort } from '../../api/objects/service.ts'
import { serviceNamed } from '../../trace/ask/resolve.ts'
import { namespaceOf } from '../../trace/origin.ts'
import { transportOf } from '../../trace/ask/target.ts'
import { directoryOf } from '../directory.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'
import { targetNumbers } from './meant-port.ts'

/** Names of headless services are the pods' own addresses: nobody translates the port. */
export const check: Check = {
  number: 14,
  title: 'refused: a headless service is asked on its port, which only others translate',
  codes: ['HeadlessPort', 'HeadlessPortDiffers'],
  needs: 'objects',
  uses: 'request',
  find: (view) => {
    const dialled = fromRequest(view)
    const said = dialled.map(({ object }) => `${object.namespace}/${object.name}`)
    const differing = view.cluster.services.filter(
      ({ metadata, spec }) => spec.clusterIP === 'None' && !said.includes(`${metadata.namespace}/${metadata.name}`),
    )
    return [...dialled, ...differing.flatMap((service) => differs(view, service))]
  },
}

function fromRequest(view: View): Finding[] {
  const { cluster, request } = view
  if (!request?.to || request.verdict === 'delivered' || request.target.host.kind !== 'name') return []
  const { to, target, source } = request
  const service = serviceNamed(cluster, request.target.host.name, namespaceOf(source) ?? 'default')
  if (service?.spec.clusterIP !== 'None') return []
  const protocol = transportOf(target.protocol).toUpperCase()
  const port = service.spec.ports?.find((one) => one.port === to.port && (one.protocol ?? 'TCP') === protocol)
  const real = port && targetNumbers(cluster, service, port)[0]
  if (!port || real === undefined || real === to.port) return []
  return [
    {
      number: 14,
      code: 'HeadlessPort',
      level: 'error',
      object: referTo(service),
      also: directoryOf(cluster).podsAt(to.address).map(referTo),
      field: fieldOf(service, port),
      sure: 'certain',
      evidence: [
        {
          kind: 'object',
          text: `${nameOf(service)}: clusterIP None, port ${port.port}, targetPort ${port.targetPort}`,
        },
        { kind: 'packet', text: `${to.address}:${to.port} was asked, a pod itself` },
      ],
      say: `${nameOf(service)} is headless: its name is the address of a pod, where nobody translates port ${to.port} to ${real}`,
      fix: `ask for port ${real}, or give the service an address of its own (without clusterIP: None)`,
    },
  ]
}

/** It misleads only those who take the port from the service; names of ports (SRV records) lead to the right one. */
function differs(view: View, service: Service): Finding[] {
  return (service.spec.ports ?? []).flatMap((port): Finding[] => {
    const real = targetNumbers(view.cluster, service, port)[0]
    if (real === undefined || real === port.port) return []
    return [
      {
        number: 14,
        code: 'HeadlessPortDiffers',
        level: 'info',
        object: referTo(service),
        field: fieldOf(service, port),
        sure: 'possible',
        evidence: [
          {
            kind: 'object',
            text: `${nameOf(service)}: clusterIP None, port ${port.port}, targetPort ${port.targetPort}`,
          },
        ],
        say: `${nameOf(service)} is headless and has port ${port.port} for ${real}: who asks by its name must ask for ${real}`,
        fix: `write ${real} as its port, too`,
        patch: {
          ...referTo(service),
          type: 'json',
          body: [
            {
              op: 'test',
              path: `/${fieldOf(service, port).replace(/[.[]/g, '/').replace(/]/g, '')}`,
              value: port.port,
            },
            { op: 'replace', path: `/${fieldOf(service, port).replace(/[.[]/g, '/').replace(/]/g, '')}`, value: real },
          ],
        },
      },
    ]
  })
}

function fieldOf({ spec }: Service, port: ServicePort): string {
  return `spec.ports[${(spec.ports ?? []).indexOf(port)}].port`
}
