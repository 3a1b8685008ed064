import { type Cidr, formatCidr, parseCidr } from '../../base/address.ts'
import type { Mac } from '../../kernel/rtnetlink/mac.ts'
import type { Gateway } from '../bridge.ts'
import { bridgeName, isDeviceName } from '../names.ts'
import { patienceOf } from './delegate-ipam.ts'
import { flag, list, nothingElse, number, object, text, wrong } from './fields.ts'
import type { Fields, Input } from './input.ts'
import { type Given, completed, gatewaysOf, type GivenIp, subnetOf } from './ipam-given.ts'
import { dataDirOf, type IpamPlan, readIpamPlan } from './ipam-plan.ts'
import { optionKeys, type Options, readOptions, runtimeKeys } from './options.ts'
import { readWishes } from './wishes.ts'

/** A network as ADD, CHECK and STATUS need it. The fields are the reference bridge's and host-local's. */
export interface Network extends Options {
  name: string
  dataDir: string
  bridge: string
  /** The bridge has the gateways' addresses, and the node carries the pods' packets on. */
  isGateway: boolean
  /** Pods send everything through it that they know no better way for. */
  isDefaultGateway: boolean
  forceAddress: boolean
  /** undefined: the smallest of the node's links. */
  mtu: number | undefined
  /** Who sends to none of these, and not to its own network, has the node's address outside; undefined: pods keep theirs. */
  notMasqueraded: readonly Cidr[] | undefined
  ipam: IpamPlan
  /** Its pods' ranges and their gateways. Where another plugin gives the addresses: of those that it gave, as far as is known. */
  subnets: readonly Cidr[]
  gateways: readonly Gateway[]
  mac: Mac | undefined
  /** Of the configuration; when it is empty, what comes with the addresses. */
  dns: Fields
}

/** Throws for anything that is wrong, and for anything that is asked for and not built. */
export function readNetwork(input: Input, args: ReadonlyMap<string, string>): Network {
  // What a pod asks for by CNI_ARGS is its own.
  if (args.has('IP') || args.has('MAC')) return read(input, args)
  const network = known.get(input) ?? read(input, args)
  known.set(input, network)
  return network
}

const known = new WeakMap<Input, Network>()

function read(input: Input, args: ReadonlyMap<string, string>): Network {
  const { name, fields } = input
  nothingElse(
    // The runtime's own additions (`cni.dev/valid-attachments`).
    Object.fromEntries(Object.entries(fields).filter(([key]) => !key.startsWith('cni.dev/'))),
    keys,
    '',
    [...runtimeKeys, 'ips', 'mac', 'ipRanges'],
  )
  const bridge = text(fields, 'bridge') ?? bridgeName
  if (!isDeviceName(bridge)) throw wrong('bridge', bridge, 'a name for a link')
  const wishes = readWishes(input, args)
  const ipam = readIpamPlan(fields, { wanted: wishes.addresses, ofRuntime: wishes.ipRanges })
  patienceOf(fields)
  const isDefaultGateway = flag(fields, 'isDefaultGateway', false)
  const isGateway = flag(fields, 'isGateway', false) || isDefaultGateway
  const ranges = ipam.kind === 'own' ? ipam.sets.flat() : []
  const hasIpv6 = ranges.some(({ subnet }) => subnet.family === 6)
  return {
    name,
    dataDir: dataDirOf(fields),
    bridge,
    isGateway,
    isDefaultGateway,
    forceAddress: flag(fields, 'forceAddress', false),
    // 0 is "as it comes", for the reference bridge too. Below 68 bytes IPv4 does not work, below 1280 IPv6 (RFC 791, RFC 8200).
    mtu: fields['mtu'] === 0 ? undefined : number(fields, 'mtu', { min: hasIpv6 ? 1280 : 68, max: 65535 }),
    notMasqueraded: readMasquerade(fields),
    ipam,
    subnets: ranges.map(({ subnet }) => subnet),
    gateways: ranges.map(({ subnet, pool }) => ({ address: pool.gateway, prefix: subnet.prefix })),
    mac: wishes.mac,
    dns: object(fields, 'dns'),
    ...readOptions(fields, { isGateway }),
  }
}

/** What a pod of the network gets, and the network with the ranges of all the addresses that it is known to have (`ips`). */
export function settled(network: Network, given: Given, ips: readonly GivenIp[]): { network: Network; given: Given } {
  const pod = completed(given, network)
  if (network.ipam.kind === 'own') return { network, given: pod }
  const all = completed({ ips: [...pod.ips, ...ips], routes: [], dns: {} }, network).ips
  const subnets = new Map(all.map((ip) => [formatCidr(subnetOf(ip)), subnetOf(ip)]))
  return { network: { ...network, subnets: [...subnets.values()], gateways: gatewaysOf(all) }, given: pod }
}

const keys: readonly string[] = [
  'cniVersion',
  'name',
  'type',
  'args',
  'capabilities',
  'dns',
  'ipam',
  'ipamTimeout',
  'prevResult',
  'runtimeConfig',
  'bridge',
  'mtu',
  'isGateway',
  'isDefaultGateway',
  'forceAddress',
  'ipMasq',
  'nonMasqueradeCIDRs',
  'dataDir',
  'disableCheck',
  ...optionKeys,
]

/** The cluster's ranges keep a pod's own address: policies and logs need it. */
function readMasquerade(fields: Fields): Cidr[] | undefined {
  const kept = list(fields, 'nonMasqueradeCIDRs').map((one, at) => {
    const found = typeof one === 'string' ? parseCidr(one) : undefined
    if (found !== undefined) return found
    throw wrong(`nonMasqueradeCIDRs[${at}]`, one, 'a range, its host bits zero')
  })
  return flag(fields, 'ipMasq', false) ? kept : undefined
}
