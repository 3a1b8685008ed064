/** enum ip_conntrack_status (linux/netfilter/nf_conntrack_common.h), each at the place of its bit. */
const names = [
  'expected',
  'seenReply',
  'assured',
  'confirmed',
  'snat',
  'dnat',
  'seqAdjust',
  'snatDone',
  'dnatDone',
  'dying',
  'fixedTimeout',
  'template',
  'untracked',
  'helper',
  'offload',
  'hardwareOffload',
] as const
export type Status = (typeof names)[number]

// A table has few different ones.
const known = new Map<number, ReadonlySet<Status>>()

/** Bits that are newer than this list are left out. */
export function readStatus(bits: number): ReadonlySet<Status> {
  let status = known.get(bits)
  if (!status) {
    status = new Set(names.filter((_, bit) => bits & (1 << bit)))
    known.set(bits, status)
  }
  return status
}
