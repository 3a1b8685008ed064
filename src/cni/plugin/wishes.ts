import { type Address, parseAddress } from '../../base/address.ts'
import { type Mac, parseMac } from '../../kernel/rtnetlink/mac.ts'
import { list, nothingElse, object, text, wrong } from './fields.ts'
import type { Input } from './input.ts'
import { runtimeKeys } from './options.ts'

/** What one pod asks for beyond its network: the runtime's capabilities, `args.cni`, and CNI_ARGS. */
export interface Wishes {
  /** One of each set of ranges at most. */
  addresses: readonly Address[]
  mac: Mac | undefined
  /** Ranges of the runtime (capability `ipRanges`), before those of the configuration. */
  ipRanges: readonly unknown[]
}

/** Of the conventions (CNI's CONVENTIONS.md); what is not built is refused. */
export function readWishes(input: Input, args: ReadonlyMap<string, string>): Wishes {
  const runtime = object(input.fields, 'runtimeConfig')
  nothingElse(runtime, ['ips', 'mac', 'ipRanges', ...runtimeKeys], 'runtimeConfig.')
  const labels = object(object(input.fields, 'args'), 'cni', 'args.cni')
  const wanted =
    text(runtime, 'mac', 'runtimeConfig.mac') ?? text(labels, 'mac', 'args.cni.mac') ?? args.get('MAC') ?? undefined
  return { ...readAddressWishes(input, args), mac: wanted === undefined ? undefined : macOf(wanted) }
}

/** Only what is about addresses: all that a plugin is asked for that does nothing but give them. */
export function readAddressWishes({ fields }: Input, args: ReadonlyMap<string, string>): Omit<Wishes, 'mac'> {
  const runtime = object(fields, 'runtimeConfig')
  const labels = object(object(fields, 'args'), 'cni', 'args.cni')
  const addresses = new Set([
    ...list(runtime, 'ips', 'runtimeConfig.ips').map((one) => addressOf('runtimeConfig.ips', one)),
    ...list(labels, 'ips', 'args.cni.ips').map((one) => addressOf('args.cni.ips', one)),
    ...(args.get('IP') ?? '').split(',').flatMap((one) => (one === '' ? [] : [addressOf('IP in CNI_ARGS', one)])),
  ])
  return { addresses: [...addresses], ipRanges: list(runtime, 'ipRanges', 'runtimeConfig.ipRanges') }
}

/** With or without the length of its range. */
function addressOf(where: string, value: unknown): Address {
  const found = typeof value === 'string' ? parseAddress(value.replace(/\/\d{1,3}$/, '')) : undefined
  if (found === undefined) throw wrong(where, value, 'an IP address')
  return found
}

function macOf(value: string): Mac {
  const mac = parseMac(value)
  // The lowest bit of the first byte says "for many".
  if (mac === undefined || Number.parseInt(mac.slice(0, 2), 16) & 1)
    throw wrong('mac', value, 'the Ethernet address of one interface')
  return mac
}
