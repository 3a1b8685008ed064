import { type Cidr, contains, parseCidr } from '../../../base/address.ts'
import { readReverse } from '../../zone/reverse.ts'
import { readDomain } from '../kinds.ts'
import { type Block, type Draft, zoneName } from './draft.ts'
import type { Directive } from './parse.ts'

/** What only narrows or widens the cluster's names in ways that this server does not have. */
const refused: Readonly<Record<string, string>> = {
  endpoint: 'not supported; the API is found by the service account of the pod, or by --kubeconfig FILE',
  tls: 'not supported; certificates are those of the service account of the pod, or of --kubeconfig FILE',
  kubeconfig: 'not supported here; give --kubeconfig FILE on the command line',
  namespaces: 'not supported; names of all namespaces are answered',
  namespace_labels: 'not supported; names of all namespaces are answered',
  labels: 'not supported; names of all services are answered',
  endpoint_pod_names: 'not supported; an endpoint is named by its hostname, set `hostname` and `subdomain` in its pod',
  noendpoints: 'not supported; endpoints always have names',
  ignore: 'not supported; a service without endpoints keeps its address, as the DNS specification has it',
  multicluster: 'not supported; one zone of one cluster is served',
  zonal: 'not supported; a headless name gives the endpoints of all zones',
}

const unneeded: Readonly<Record<string, string>> = {
  startup_timeout: 'questions about the cluster get SERVFAIL until all is known, for as long as that takes',
  apiserver_qps: 'the API is watched, not polled',
  apiserver_burst: 'the API is watched, not polled',
  apiserver_max_inflight: 'the API is watched, not polled',
  upstream: 'external names are resolved by this server itself',
  resyncperiod: 'the API is watched, not polled',
  transfer: 'zone transfers are refused',
}

/** `kubernetes [ZONES...] { ... }` */
export function kubernetes(at: Directive, draft: Draft, block: Block): void {
  if (draft.cluster) return draft.refuse(at, 'kubernetes', `line ${draft.cluster.line} has it already; allowed is one`)
  draft.cluster = at
  const names = (at.args.length > 0 ? at.args.map(zoneName) : block.zones).filter((name) => rangeOf(name) === undefined)
  const ranges = (at.args.length > 0 ? at.args : block.zones).map(rangeOf).filter((range) => range !== undefined)
  const [zone] = names
  if (zone === undefined || names.length > 1 || readDomain(zone) === undefined)
    draft.refuse(at, 'kubernetes', `"${names.join(' ')}" is given; allowed is one zone, such as cluster.local`)
  else draft.config.zone = readDomain(zone) ?? zone
  if (ranges.length === 0)
    draft.note(
      at,
      'kubernetes',
      'no reverse zone is given; addresses of services and endpoints have their names all the same',
    )

  draft.config.pods = 'disabled'
  draft.config.ttl = 5
  let open: readonly Cidr[] = []
  for (const property of at.block) {
    const path = `kubernetes ${property.name}`
    const [word] = property.args
    if (property.name === 'pods') {
      if (word === 'disabled' || word === 'insecure' || word === 'verified') draft.config.pods = word
      else draft.refuse(property, path, `"${word ?? ''}" is given; allowed is disabled, insecure or verified`)
    } else if (property.name === 'ttl')
      draft.config.ttl = draft.number(property, path, word, 0, 3600) ?? draft.config.ttl
    else if (property.name === 'fallthrough') open = fallthrough(property, draft)
    else if (refused[property.name] !== undefined) draft.refuse(property, path, refused[property.name] ?? '')
    else if (unneeded[property.name] !== undefined) draft.note(property, path, unneeded[property.name] ?? '')
    else draft.refuse(property, path, 'CoreDNS has no such property')
  }
  // A reverse zone that does not fall through is the cluster's alone.
  draft.config.reverse = ranges.filter((range) => !open.some((one) => covers(one, range)))
}

function fallthrough(at: Directive, draft: Draft): readonly Cidr[] {
  const open = at.args.map(rangeOf)
  if (open.length > 0 && open.every((range) => range !== undefined)) return open
  draft.refuse(
    at,
    'kubernetes fallthrough',
    "only reverse names fall through, names of the cluster's zone never do; write fallthrough in-addr.arpa ip6.arpa",
  )
  return []
}

/** The addresses of `10.in-addr.arpa`, `ip6.arpa` or 10.0.0.0/8; undefined: another zone. */
function rangeOf(text: string): Cidr | undefined {
  const written = parseCidr(text)
  if (written) return written
  const reverse = readReverse(zoneName(text).split('.'))
  return reverse && parseCidr(`${reverse.address}/${reverse.bits}`)
}

function covers(outer: Cidr, inner: Cidr): boolean {
  return outer.prefix <= inner.prefix && contains(outer, inner.address)
}
