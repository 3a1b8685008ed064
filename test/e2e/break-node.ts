// Changes one thing in the network namespace that it is started in: `node break-node.ts sysctl NAME VALUE`. For what no manifest can break.
import { address } from '../../src/base/address.ts'
import { openConntrack } from '../../src/kernel/conntrack/socket.ts'
import { packAddress, packBe16, packU8 } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { writeSysctl } from '../../src/kernel/sysctl.ts'
import { drop, firewall, matches, noFirewall } from '../kernel/firewall.ts'

const [what = '', first = '', second = '', third = ''] = process.argv.slice(2)
const UDP = 17
const table = { family: 'ip', name: 'somebody-else' } as const

switch (what) {
  case 'sysctl':
    writeSysctl(first, second)
    break
  case 'hairpin':
    link({ port: { hairpin: second === 'on' } })
    break
  case 'mtu':
    link({ mtu: Number(second) })
    break
  case 'dnat':
    translate()
    break
  case 'drop':
    dropForwarded()
    break
  case 'conntrack':
    conntrack(process.argv.slice(3))
    break
  case 'undo':
    openNftables().apply(noFirewall(table.name))
    break
  default:
    throw new Error(`"${what}" is nothing that can be broken here`)
}

function link(change: Parameters<typeof setLink>[1]): void {
  using socket = openRouteSocket()
  socket.apply(setLink(first, change))
}

/** What is forwarded to `first` is thrown away. */
function dropForwarded(): void {
  openNftables().apply(firewall({ exprs: [...matches(16, first), drop] }, { name: table.name }))
}

/** `conntrack -D -p udp --orig-dst ADDRESS --orig-port-dst PORT`, word for word, where conntrack-tools are not installed. */
function conntrack(words: string[]): void {
  const [, destination = '', port = ''] =
    /^-D -p udp --orig-dst (\S+) --orig-port-dst (\d+)$/.exec(words.join(' ')) ?? []
  if (destination === '') throw new Error(`conntrack is not installed, and this is not understood: ${words.join(' ')}`)
  using table = openConntrack()
  const entries = table.list({ protocol: UDP, destination: address(destination), destinationPort: Number(port) })
  // conntrack(8) fails when it has deleted nothing.
  if (entries.length === 0) throw new Error('0 flow entries have been deleted')
  for (const one of entries) table.delete(one)
}

/** Datagrams to `first`, whatever their port, go to `second`, port `third`: before the rules for services (-100). */
function translate(): void {
  const proto = { kind: 'meta', key: 'l4proto', to: 0 } as const
  openNftables().apply({
    table,
    ops: [
      { op: 'add table' },
      {
        op: 'add chain',
        chain: { name: 'first', hook: { type: 'nat', hook: 'prerouting', priority: -150, policy: 'accept' } },
      },
      {
        op: 'add rule',
        chain: 'first',
        rule: {
          exprs: [
            proto,
            { kind: 'cmp', from: 0, op: 'eq', value: packU8(UDP) },
            ...matches(16, first),
            { kind: 'immediate', to: 0, value: packAddress(address(second)) },
            { kind: 'immediate', to: 1, value: packBe16(Number(third)) },
            { kind: 'nat', type: 'dnat', family: 'ip', address: 0, port: 1, flags: [] },
          ],
        },
      },
    ],
  })
}
