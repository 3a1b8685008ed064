import type { Case } from '../trace/case.ts'
import { nodeAt, ownerOf, podKey, serviceAt } from '../trace/cluster/cluster.ts'
import { namespaceOf } from '../trace/origin.ts'
import { serviceNamed } from '../trace/ask/resolve.ts'
import { transportOf } from '../trace/ask/target.ts'
import { directoryOf, spaceOf } from './directory.ts'
import { keyOf } from './echoes.ts'
import { referTo } from './findings/finding.ts'
import type { Finding } from './types.ts'

/** Whether a finding is about something that a request touched; without a request none is. */
export function isAbout(request: Case | undefined): (finding: Finding) => boolean {
  let touched: ReadonlySet<string> | undefined
  return ({ object, also = [] }) => {
    if (!request) return false
    // Most requests are delivered, and nothing is found: then nobody asks.
    const keys = (touched ??= touchedBy(request))
    return [object, ...also].some((one) => keys.has(keyOf(one)))
  }
}

const kinds = { pod: 'Pod', node: 'Node', router: 'Router', outside: 'Node' } as const

/** The sender, the service that was asked for or answers at the address, its pods, and whoever else the packets met. */
function touchedBy({ cluster, source, to, target, story }: Case): ReadonlySet<string> {
  const keys = new Set<string>()
  const touch = (kind: string, key: string): void => void keys.add(`${kind} ${key.includes('/') ? key : `/${key}`}`)
  touch('Node', source.node)
  if (source.pod) touch('Pod', podKey(source.pod))
  for (const { place } of story.flow.there) touch(kinds[place.kind], place.name)
  const owner = to && ownerOf(cluster, to.address)
  if (owner?.kind === 'pod') touch('Pod', podKey(owner.pod))
  // A node's own address can be an external IP of services as well: theirs are their ports alone.
  const node = owner?.kind === 'node' ? owner.node : to && nodeAt(cluster, to.address)
  if (node) touch('Node', node.metadata.name)
  const { host } = target
  const names = host.kind === 'name' ? host.name : host.kind === 'object' ? host.object.name : undefined
  const space = (host.kind === 'object' ? host.object.namespace : undefined) ?? namespaceOf(source) ?? 'default'
  const services = [
    owner?.kind === 'service' && !node ? owner.service : undefined,
    to && serviceAt(cluster, to.address, to.port, transportOf(target.protocol))?.service,
    names === undefined ? undefined : serviceNamed(cluster, names, space),
  ]
  for (const service of services.filter((one) => one !== undefined)) {
    keys.add(keyOf(referTo(service)))
    const directory = directoryOf(cluster)
    for (const pod of directory.matching(spaceOf(service), service.spec.selector ?? {})) touch('Pod', podKey(pod))
    for (const slice of directory.slices(service)) keys.add(keyOf(referTo(slice)))
  }
  return keys
}
