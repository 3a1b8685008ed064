import { CniError } from './error.ts'
import type { Call } from './environment.ts'
import { aliveIn } from './gc.ts'
import type { Fields, Input } from './input.ts'
import { refuseExhausted, refuseTwice, take, taken } from './ipam-own.ts'
import { defaultDataDir, leaseDirOf, type OwnPlan, readIpamPlan } from './ipam-plan.ts'
import { writeRoute } from './ipam-route.ts'
import { heldBy, hostDeviceOf, inTurn, isOf, now, openBook, type Owner } from './leases.ts'
import { reclaim } from './reclaim.ts'
import { readResult, writeResult } from './result.ts'
import { readAddressWishes } from './wishes.ts'

/** The name of this plugin's file: in `type`, in `ipam.type`, and in CNI_PATH. */
const ownName = 'kubehop'

/**
 * Is another plugin asking us for addresses? It passes on its own configuration, whose `type` is its file's name, and whose `ipam.type` is ours.
 * So one file serves both roles, and need not know by which name it was started.
 */
export function isIpamRole({ fields }: Input): boolean {
  const { type, ipam } = fields
  const ofIpam = typeof ipam === 'object' && ipam !== null ? (ipam as Fields)['type'] : undefined
  return ofIpam === ownName && typeof type === 'string' && type !== '' && type !== ownName
}

/** Gives addresses and connects nothing: the answer has no interfaces ("Delegated Plugins" of the specification). */
export function ipamAdd(call: Call, input: Input): Fields {
  const { plan, owner } = read(call, input)
  const { given } = inTurn([plan.leaseDir], () => {
    const book = openBook(plan.leaseDir, owner.network, plan.sets.flat())
    refuseTwice(book, owner)
    return take(plan, book, owner, now('not ours'))
  })
  const ips = given.ips.map(({ address, prefix, gateway }) => ({
    address: `${address}/${prefix}`,
    ...(gateway !== undefined && { gateway }),
  }))
  return writeResult({ interfaces: [], ips, routes: given.routes.map(writeRoute), dns: given.dns }, input.cniVersion)
}

/** Fine when repeated, and when the configuration has become wrong. */
export function ipamDel({ containerId, ifname }: Call, input: Input): undefined {
  const leaseDir = folderOf(input)
  const owner = { network: input.name, containerId, ifname }
  inTurn([leaseDir], () => {
    for (const held of heldBy(leaseDir, input.name)) if (isOf(held, owner)) held.ipam.free(held.lease)
  })
}

/** Are the addresses still the interface's, and does the result of ADD say them? */
export function ipamCheck(call: Call, input: Input): undefined {
  const { plan, owner } = read(call, input)
  const { given } = inTurn([plan.leaseDir], () => taken(plan, owner))
  const { prevResult } = input.fields
  if (prevResult === undefined) return
  const said = readResult(prevResult)
  for (const { address, prefix } of given.ips)
    if (!said.ips.some((ip) => ip.address === `${address}/${prefix}`))
      throw new CniError(
        'changed',
        `${address}/${prefix} belongs to ${owner.ifname} of ${owner.containerId}, and prevResult does not say so`,
      )
}

/** Frees the addresses of whoever is not named; when nobody is, those that are certain to be nobody's. */
export function ipamGc(_call: Call, input: Input): undefined {
  const leaseDir = folderOf(input)
  const alive = aliveIn(input.name, input.fields)
  inTurn([leaseDir], () => {
    if (alive === undefined) reclaim(leaseDir, input.name)
    else
      for (const { ipam, lease } of heldBy(leaseDir, input.name))
        if (!alive.has(hostDeviceOf({ network: input.name, containerId: lease.id, ifname: lease.ifname })))
          ipam.free(lease)
  })
}

export function ipamStatus(call: Call, input: Input): undefined {
  const { plan } = read(call, input)
  inTurn([plan.leaseDir], () => refuseExhausted(plan, input.name))
}

/** Of the configuration, only what is about addresses is ours to read; the rest is the other plugin's. */
function read({ containerId, ifname, args }: Call, input: Input): { plan: OwnPlan; owner: Owner } {
  const { addresses: wanted, ipRanges: ofRuntime } = readAddressWishes(input, args)
  const { dataDir: _theirs, ...fields } = input.fields
  const plan = readIpamPlan(fields, { wanted, ofRuntime })
  if (plan.kind === 'other') throw new TypeError('not asked for addresses')
  return { plan, owner: { network: input.name, containerId, ifname } }
}

/** A `dataDir` beside `ipam` is the other plugin's. */
function folderOf({ fields }: Input): string {
  return leaseDirOf(fields, defaultDataDir)
}
