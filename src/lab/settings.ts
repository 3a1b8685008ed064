import { type Address, address, type Cidr, formatCidr, nth, overlaps, parseCidr, size } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'

/** What a lab is made of. All ranges are valid, big enough and disjoint. */
export interface Settings {
  name: string
  nodes: number
  podCidr: Cidr
  serviceCidr: Cidr
  /** The wire: .1 is the router, .2 the control plane, .11 the first node. */
  nodeCidr: Cidr
  /** Port on 127.0.0.1 for kubectl; 0 lets the system choose. */
  apiPort: number
  /** A resolver of its own on every node, at {@link nodeDnsAddress}. */
  nodeDns: boolean
  /** The DNS server's configuration, a file that has been checked; undefined: as by default. */
  dnsConfig?: string
  /** The domain that the names of services are in, in lower case, without a dot at the end. */
  zone: string
}

/** Text as a person or a program gives it; what is missing gets the default. */
export interface SettingsInput {
  name?: string | undefined
  nodes?: string | undefined
  podCidr?: string | undefined
  serviceCidr?: string | undefined
  nodeCidr?: string | undefined
  apiPort?: string | undefined
  nodeDns?: boolean | undefined
  dnsConfig?: string | undefined
  zone?: string | undefined
}

export const defaults = {
  name: 'lab',
  nodes: '3',
  podCidr: '100.96.0.0/11',
  serviceCidr: '100.64.0.0/13',
  nodeCidr: '192.168.50.0/24',
  apiPort: '0',
  zone: 'cluster.local',
} as const

/** Each node's share of the pod range is a /24, as in the picture. */
export const nodePrefix = 24
const maxNodes = 100
const firstNode = 11

/** Checks everything before anything is made. Throws one error that lists all that is wrong, each with what would be right. */
export function parseSettings(input: SettingsInput): Settings {
  const wrong: string[] = []
  const name = labName(input.name ?? defaults.name, wrong)
  const nodes = whole('--nodes', input.nodes ?? defaults.nodes, 1, maxNodes, wrong)
  const apiPort = whole('--api-port', input.apiPort ?? defaults.apiPort, 0, 65535, wrong)
  const zone = domain('--zone', input.zone ?? defaults.zone, wrong)
  const podCidr = range('--pod-cidr', input.podCidr ?? defaults.podCidr, wrong)
  const serviceCidr = range('--service-cidr', input.serviceCidr ?? defaults.serviceCidr, wrong)
  const nodeCidr = range('--node-cidr', input.nodeCidr ?? defaults.nodeCidr, wrong)
  if (podCidr && (podCidr.prefix > nodePrefix || size(podCidr) >> 8n < BigInt(nodes + 1))) {
    wrong.push(
      `--pod-cidr ${formatCidr(podCidr)} is too small: ${nodes} nodes need ${nodes + 1} ranges of /${nodePrefix} (the first stays free)`,
    )
  }
  if (serviceCidr && size(serviceCidr) < 32n)
    wrong.push(`--service-cidr ${formatCidr(serviceCidr)} is too small: take a /27 or larger`)
  if (nodeCidr && size(nodeCidr) < BigInt(firstNode + nodes + 1)) {
    wrong.push(
      `--node-cidr ${formatCidr(nodeCidr)} is too small: ${nodes} nodes need ${firstNode + nodes + 1} addresses`,
    )
  }
  const named: [string, Cidr | undefined][] = [
    ['--pod-cidr', podCidr],
    ['--service-cidr', serviceCidr],
    ['--node-cidr', nodeCidr],
  ]
  for (const [at, [option, one]] of named.entries()) {
    for (const [other, two] of named.slice(at + 1)) {
      if (one && two && overlaps(one, two))
        wrong.push(
          `${option} ${formatCidr(one)} overlaps ${other} ${formatCidr(two)}: every address must mean one thing`,
        )
    }
    if (one && reserved.some((part) => overlaps(part, one))) {
      wrong.push(
        `${option} ${formatCidr(one)} lies in a range with a fixed meaning (0/8, 127/8, 169.254/16, 224/3): take a private one such as 10.0.0.0/16`,
      )
    }
  }
  if (wrong.length > 0 || !podCidr || !serviceCidr || !nodeCidr)
    throw new KubehopError('lab', 'settings', 'Invalid', wrong.join('\n'))
  const { nodeDns = false, dnsConfig } = input
  const settings = { name, nodes, podCidr, serviceCidr, nodeCidr, apiPort, nodeDns, zone }
  return dnsConfig === undefined ? settings : { ...settings, dnsConfig }
}

/** Names of services have to fit before it, and hostnames of pods before those. */
const longestZone = 63

function domain(option: string, text: string, wrong: string[]): string {
  const name = text.toLowerCase().replace(/\.$/, '')
  if (name.length > longestZone || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    wrong.push(`${option} "${text}" is no domain of at most ${longestZone} characters, such as cluster.local`)
  return name
}

/** A label of at most 20 characters: it becomes part of paths, titles of processes and a kubeconfig context. */
export function labName(text: string, wrong: string[]): string {
  if (!/^[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?$/.test(text)) {
    wrong.push(
      `"${text}" is no name for a lab: use lower-case letters, digits and "-", at most 20 characters, such as "lab" or "team-a"`,
    )
  }
  return text
}

export const routerAddress = (of: Settings): Address => nth(of.nodeCidr, 1)
export const controlAddress = (of: Settings): Address => nth(of.nodeCidr, 2)
/** `index` counts from 1, as in node1. */
export const nodeAddress = (of: Settings, index: number): Address => nth(of.nodeCidr, firstNode - 1 + index)
export const kubernetesAddress = (of: Settings): Address => nth(of.serviceCidr, 1)
export const dnsAddress = (of: Settings): Address => nth(of.serviceCidr, 10)
/** The same on every node, where it means that node; the one that Kubernetes' NodeLocal DNSCache (KEP-1024) takes. */
export const nodeDnsAddress: Address = address('169.254.20.10')

const reserved = ['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'].flatMap((text) => parseCidr(text) ?? [])

function range(option: string, text: string, wrong: string[]): Cidr | undefined {
  const parsed = parseCidr(text)
  if (!parsed)
    wrong.push(`${option} "${text}" is no address range: write a network address and its length, such as 10.1.0.0/16`)
  else if (parsed.family !== 4) wrong.push(`${option} ${text} is IPv6: labs speak IPv4 so far`)
  else return parsed
  return undefined
}

function whole(option: string, text: string, low: number, high: number, wrong: string[]): number {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : -1
  if (value >= low && value <= high) return value
  wrong.push(`${option} must be a whole number from ${low} to ${high}, not "${text}"`)
  return low
}
