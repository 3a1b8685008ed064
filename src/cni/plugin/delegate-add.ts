import { messageOf } from '../../base/errors.ts'
import type { Lease } from '../lease.ts'
import { NotStarted } from './delegate.ts'
import { type OtherIpam, otherIpamFor } from './delegate-ipam.ts'
import { type Delegated, dropRecord, leasesOf, proofOf, recordsOf, writeRecord } from './delegate-record.ts'
import type { Call } from './environment.ts'
import { CniError } from './error.ts'
import { removeExtras } from './extras.ts'
import type { Input } from './input.ts'
import type { Given } from './ipam-given.ts'
import type { OtherPlan } from './ipam-plan.ts'
import { heldBy, hostDeviceOf, inTurn, isOf, now, type Owner } from './leases.ts'
import { type Network, settled } from './network.ts'
import { isGone, readProofs } from './reclaim.ts'
import type { Result } from './result.ts'

/**
 * ADD with addresses of another plugin. It is asked out of turn, for it may take its time; `connect` is called in turn. Whatever fails, it is
 * asked to take the addresses back; should that fail too, the record stays, and GC asks again.
 */
export function giveByOther(
  call: Call,
  input: Input,
  network: Network,
  { plugin }: OtherPlan,
  owner: Owner,
  connect: (network: Network, given: Given, leases: readonly Lease[]) => Result,
): Result {
  const { dataDir } = network
  const other = otherIpamFor(call, input, plugin)
  const record: Delegated = { owner, plugin, since: now('ours'), laid: false, ips: [], routes: [] }
  inTurn([dataDir], () => {
    refuseTwice(dataDir, owner)
    writeRecord(dataDir, record)
  })
  try {
    const given = giveAfterAll(other, dataDir, network.name)
    return inTurn([dataDir], () => {
      const ofOthers = recordsOf(dataDir, network.name).flatMap(({ ips }) => ips)
      const pod = settled(network, given, ofOthers)
      const asked = { ...record, ips: pod.given.ips, routes: pod.given.routes }
      writeRecord(dataDir, asked)
      const result = connect(pod.network, pod.given, leasesOf(asked))
      writeRecord(dataDir, { ...asked, laid: true })
      return result
    })
  } catch (error) {
    throw forget(other, dataDir, owner, error)
  }
}

/** When it has no more to give, it gets back what belonged to pods that are gone for certain, and is asked once more. */
function giveAfterAll(other: OtherIpam, dataDir: string, network: string): Given {
  try {
    return other.give()
  } catch (error) {
    if (error instanceof NotStarted) throw error
    const gone = inTurn([dataDir], () => {
      const proofs = readProofs()
      return recordsOf(dataDir, network).filter((one) => isGone(proofOf(one), proofs))
    })
    if (gone.length === 0) throw error
    for (const { owner } of gone) {
      inTurn([dataDir], () => removeExtras(owner))
      other.takeBack(owner)
      inTurn([dataDir], () => dropRecord(dataDir, owner))
    }
    return other.give()
  }
}

/** The error, with what it could not undo. */
function forget(other: OtherIpam, dataDir: string, owner: Owner, error: unknown): unknown {
  try {
    if (!(error instanceof NotStarted)) other.takeBack()
    inTurn([dataDir], () => dropRecord(dataDir, owner))
    return error
  } catch (second) {
    const known = error instanceof CniError ? error : new CniError('failed', messageOf(error), '', { cause: error })
    const details = [known.details, `the address was not taken back: ${messageOf(second)}`].filter(Boolean).join('; ')
    return new CniError(known.code, known.message, details, { cause: error })
  }
}

function refuseTwice(dataDir: string, owner: Owner): void {
  const record = recordsOf(dataDir, owner.network).find((one) => hostDeviceOf(one.owner) === hostDeviceOf(owner))
  const held = heldBy(dataDir, owner.network).find((one) => isOf(one, owner))
  if (record === undefined && held === undefined) return
  const address =
    held?.lease.address ?? record?.ips[0]?.address ?? 'an address that is being given or was not taken back'
  throw new CniError(
    'failed',
    `${owner.ifname} of ${owner.containerId} is on the network ${owner.network} already, with ${address}: DEL comes first`,
  )
}
