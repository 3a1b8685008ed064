import { existsSync } from 'node:fs'
import { NetlinkError } from './netlink/error.ts'
import { inNetns, type Netns } from './netns.ts'
import { openNftables } from './nftables/socket.ts'

// br_netfilter is a module of its own on most distributions, and nobody but root may load modules. The kernel loads it itself, though,
// for whoever asks for the iptables match "physdev" in a network namespace of their own (net/netfilter/xt_physdev.c, physdev_mt_check).

const settings = '/proc/sys/net/bridge/bridge-nf-call-iptables'

/** struct xt_physdev_info (linux/netfilter/xt_physdev.h): four names of 16 bytes, u8 invert, u8 bitmask; padded to 8. */
const physdevInfo = 72
const bitmaskAt = 65
const XT_PHYSDEV_OP_BRIDGED = 4

/** Sees to it that bridged packets can meet IP rules in `ns`: true when the kernel has br_netfilter, or has it now. */
export function needBridgeNetfilter(ns?: Netns): boolean {
  const there = (): boolean => inNetns(ns, () => existsSync(settings))
  if (there()) return true
  try {
    askForPhysdev(ns)
  } catch (error) {
    // A kernel without nft_compat or physdev cannot be asked; the caller says what is missing.
    if (!(error instanceof NetlinkError)) throw error
  }
  return there()
}

/** A rule that is gone before the transaction ends: asking is enough. Throws the kernel's refusal. */
export function askForPhysdev(ns?: Netns): void {
  const info = new Uint8Array(physdevInfo)
  info[bitmaskAt] = XT_PHYSDEV_OP_BRIDGED
  using nftables = openNftables(ns)
  nftables.apply({
    table: { family: 'ip', name: 'kubehop-needs-br-netfilter' },
    ops: [
      { op: 'add table' },
      { op: 'add chain', chain: { name: 'ask' } },
      { op: 'add rule', chain: 'ask', rule: { exprs: [{ kind: 'match', name: 'physdev', revision: 0, info }] } },
      { op: 'delete table' },
    ],
  })
}
