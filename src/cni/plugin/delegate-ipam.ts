import { family, parseAddress } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import { askPlugin, itsError } from './delegate.ts'
import type { Call, CommandName } from './environment.ts'
import { CniError } from './error.ts'
import { number } from './fields.ts'
import type { Fields, Input } from './input.ts'
import type { Given, GivenIp } from './ipam-given.ts'
import { readRoute } from './ipam-route.ts'
import type { Owner } from './leases.ts'
import { type Ip, readResult } from './result.ts'
import { isVersion } from './version.ts'

/** Another plugin that gives a network's addresses, for one call of ours. */
export interface OtherIpam {
  /** ADD: what it gives the pod. */
  give(): Given
  /** DEL of the call's own pod, or of another one, of which nothing but the owner is known. */
  takeBack(of?: Owner): void
  /** CHECK, GC or STATUS, passed on as they came. */
  pass(command: 'CHECK' | 'GC' | 'STATUS'): void
}

/** `ipamTimeout`: how many seconds the other plugin may take. One that asks a DHCP server may need a while. */
export function patienceOf(fields: Fields): number {
  return number(fields, 'ipamTimeout', { min: 1, max: 600 }) ?? 60
}

export function otherIpamFor({ env }: Call, { fields }: Input, plugin: string): OtherIpam {
  const patienceMs = 1000 * patienceOf(fields)
  const ask = (command: CommandName, its = env, config = fields): string =>
    askPlugin({ command, plugin, env: its, config, patienceMs })
  return {
    give() {
      const stdout = ask('ADD')
      try {
        return readGiven(stdout, fields['cniVersion'])
      } catch (cause) {
        throw itsError(stdout) ?? unclear(plugin, cause)
      }
    },
    takeBack(of) {
      if (of === undefined) ask('DEL')
      else ask('DEL', environmentOf(of, env), configOf(fields))
    },
    pass: (command) => void ask(command),
  }
}

/** The result of an IPAM plugin, of any version that we speak. It has no interfaces: who makes some gives no addresses, but connects pods. */
export function readGiven(stdout: string, configVersion: unknown): Given {
  if (stdout.trim() === '') throw new Error('nothing at all')
  const found = JSON.parse(stdout) as { cniVersion?: unknown; interfaces?: unknown[] } | null
  const version = found?.cniVersion || configVersion
  if (!isVersion(version)) throw new Error(`a result of cniVersion ${JSON.stringify(version)}`)
  const { interfaces, ips, routes, dns } = readResult(found, 'its result')
  if (interfaces.length > 0) throw new Error(`interfaces (${interfaces.map(({ name }) => name).join(', ')})`)
  if (ips.length === 0) throw new Error('no addresses')
  const read = ips.map(readIp)
  const twice = read.find(({ address }, at) => read.findIndex((one) => one.address === address) !== at)
  if (twice !== undefined) throw new Error(`${twice.address} twice`)
  return { ips: read, routes: routes.map((route, at) => readRoute(route, `its result.routes[${at}]`)), dns }
}

function readIp({ address: text, gateway: said }: Ip, at: number): GivenIp {
  const where = `its result.ips[${at}]`
  const [base = '', digits = ''] = text.split('/')
  const address = parseAddress(base)
  const prefix = Number(digits)
  if (address === undefined || prefix > (family(address) === 4 ? 32 : 128))
    throw new Error(`${where}.address ${JSON.stringify(text)}, which is none`)
  if (said === undefined) return { address, prefix }
  const gateway = parseAddress(said)
  if (gateway === undefined || family(gateway) !== family(address) || gateway === address)
    throw new Error(`${where}.gateway ${JSON.stringify(said)}, which is none for ${text}`)
  return { address, prefix, gateway }
}

/** What of the runtime's environment is about another pod is left out. */
function environmentOf({ containerId, ifname }: Owner, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { CNI_ARGS: _args, CNI_NETNS: _netns, ...rest } = env
  return { ...rest, CNI_CONTAINERID: containerId, CNI_IFNAME: ifname }
}

function configOf(fields: Fields): Fields {
  const ofPod = ['args', 'runtimeConfig', 'prevResult']
  return Object.fromEntries(
    Object.entries(fields).filter(([key]) => !ofPod.includes(key) && !key.startsWith('cni.dev/')),
  )
}

function unclear(plugin: string, cause: unknown): CniError {
  const say = `the IPAM plugin ${JSON.stringify(plugin)} answered ADD with ${messageOf(cause)}: name another in ipam.type`
  return new CniError('failed', say, '', { cause })
}
