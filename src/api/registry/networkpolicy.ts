import { type Cidr, contains, parseAddress, rangeAround } from '../../base/address.ts'
import { type Fault, fault } from '../errors.ts'
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../objects/networkpolicy.ts'
import { addressRange, inRange, labelSelector, oneOf, portNumberOrName } from './checks.ts'
import type { Strategy } from './strategy.ts'

/** Defaults and rules of upstream's pkg/apis/networking (v1). */
export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  names: 'subdomain',
  generation: true,
  defaults(policy) {
    policy.spec ??= {}
    const { spec } = policy
    spec.podSelector ??= {}
    spec.policyTypes ??= spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
    for (const { ports } of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
      for (const one of ports ?? []) one.protocol ??= 'TCP'
  },
  validate: ({ spec }) => [
    ...(spec.podSelector ? labelSelector('spec.podSelector', spec.podSelector) : []),
    ...(spec.ingress ?? []).flatMap(({ from, ports }, at) => rule(`spec.ingress[${at}]`, 'from', from, ports)),
    ...(spec.egress ?? []).flatMap(({ to, ports }, at) => rule(`spec.egress[${at}]`, 'to', to, ports)),
    ...types(spec.policyTypes ?? []),
  ],
}

function types(policyTypes: readonly string[]): Fault[] {
  const path = 'spec.policyTypes'
  if (policyTypes.length > 2) return [fault.tooMany(path, policyTypes.length, 2)]
  return policyTypes.flatMap((one, at) => oneOf(`${path}[${at}]`, one, ['Ingress', 'Egress']))
}

function rule(
  path: string,
  side: 'from' | 'to',
  peers: readonly NetworkPolicyPeer[] = [],
  ports: readonly NetworkPolicyPort[] = [],
): Fault[] {
  return [
    ...peers.flatMap((one, at) => peer(`${path}.${side}[${at}]`, one)),
    ...ports.flatMap((one, at) => port(`${path}.ports[${at}]`, one)),
  ]
}

function peer(path: string, { ipBlock, namespaceSelector, podSelector }: NetworkPolicyPeer): Fault[] {
  const selectors = namespaceSelector !== undefined || podSelector !== undefined
  if (ipBlock && selectors) return [fault.forbidden(path, 'may not specify both ipBlock and another peer')]
  if (!ipBlock && !selectors) return [fault.required(path, 'must specify a peer')]
  return [
    ...(namespaceSelector ? labelSelector(`${path}.namespaceSelector`, namespaceSelector) : []),
    ...(podSelector ? labelSelector(`${path}.podSelector`, podSelector) : []),
    ...(ipBlock ? block(`${path}.ipBlock`, ipBlock) : []),
  ]
}

function block(path: string, { cidr: text, except = [] }: NonNullable<NetworkPolicyPeer['ipBlock']>): Fault[] {
  if (!text) return [fault.required(`${path}.cidr`)]
  const faults = addressRange(`${path}.cidr`, text)
  if (faults.length > 0) return faults
  const whole = rangeOf(text)
  return except.flatMap((one, at) => {
    const here = `${path}.except[${at}]`
    const wrong = addressRange(here, one)
    if (wrong.length > 0) return wrong
    const part = rangeOf(one)
    return whole && part && contains(whole, part.address) && part.prefix > whole.prefix
      ? []
      : [fault.invalid(here, one, 'must be a strict subset of `cidr`')]
  })
}

/** Host bits are allowed in the API's ranges and mean nothing. */
function rangeOf(text: string): Cidr | undefined {
  const [base = '', prefix] = text.trim().split('/')
  const address = parseAddress(base)
  return address && rangeAround(address, Number(prefix))
}

function port(path: string, { port: from, endPort, protocol }: NetworkPolicyPort): Fault[] {
  const faults = oneOf(`${path}.protocol`, protocol, ['TCP', 'UDP', 'SCTP'])
  if (from !== undefined) faults.push(...portNumberOrName(`${path}.port`, from))
  if (endPort === undefined) return faults
  const here = `${path}.endPort`
  if (typeof from !== 'number')
    return [...faults, fault.required(`${path}.port`, 'must be a number when `endPort` is specified')]
  if (!inRange(endPort, 1, 65535)) faults.push(fault.invalid(here, endPort, 'must be between 1 and 65535, inclusive'))
  else if (endPort < from) faults.push(fault.invalid(here, endPort, 'must be greater than or equal to `port`'))
  return faults
}
