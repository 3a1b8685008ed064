import { readdirSync, readFileSync } from 'node:fs'

const netfilter = '12'
/** NFNLGRP_NFTABLES, group 7, as a bit. */
const nftables = 0x40

/**
 * Whether any process listens to changes of nf_tables, in whatever network namespace. Then the kernel makes a message of every element of a transaction, in
 * all of them (netlink_has_listeners looks at all namespaces together), and transactions of very many elements take about twice as long.
 */
export function othersListen(): boolean {
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && listens(pid))
}

function listens(pid: string): boolean {
  try {
    const [, ...lines] = readFileSync(`/proc/${pid}/net/netlink`, 'latin1').split('\n')
    return lines.some((line) => {
      const [, protocol, , groups = '0'] = line.split(/\s+/)
      return protocol === netfilter && (Number.parseInt(groups, 16) & nftables) !== 0
    })
  } catch (error) {
    // It has ended, or is none of this user's business.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return false
    throw error
  }
}
