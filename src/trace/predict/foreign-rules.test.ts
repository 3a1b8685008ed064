import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { HookName } from '../../kernel/nftables/chain.ts'
import { packAddress } from '../../kernel/nftables/packed.ts'
import { ask, brief, ranges, type Row, stateOf } from '../testing/foretold.ts'
import { promisedNode } from './promised.ts'
import { writeTable } from './tables.ts'

// (somebody else's rule on a node, request) -> the way and the verdict.

type Foreign = Pick<Row, 'title' | 'from' | 'to' | 'protocol' | 'endpoints' | 'there' | 'back' | 'verdicts'> & {
  /** On this node. */
  readonly on: 0 | 1
  readonly hook: HookName
  readonly priority: number
  readonly against: { readonly source: string } | { readonly destination: string }
  readonly refuses?: true
}

const toFar = 'client sent, node1 veth bridge route, router route, node2 bridge, far delivered'

const rows: readonly Foreign[] = [
  {
    title:
      'a refusal is kept from its own socket by the rule that made it: the message has the refused sender’s address',
    from: 'node1',
    to: '100.96.2.2:7007',
    protocol: 'udp',
    on: 0,
    hook: 'output',
    priority: 0,
    against: { source: '192.168.50.11' },
    refuses: true,
    there: 'node1 rejected',
    back: 'node1 rejected',
    verdicts: ['rejected', 'unreachable'],
  },
  {
    title: 'an error on the way comes from the machine that makes it, whose address a rule may be against',
    to: '100.96.2.77:80',
    on: 1,
    hook: 'output',
    priority: 0,
    against: { source: '192.168.50.12' },
    there: 'client sent, node1 veth bridge route, router route, node2 dropped',
    back: 'node2 dropped',
    verdicts: ['no-answer'],
  },
  {
    title: 'an error does not have the address that was asked for, which a rule is against in vain',
    to: '100.96.2.77:80',
    on: 1,
    hook: 'output',
    priority: 0,
    against: { source: '100.96.2.77' },
    there: 'client sent, node1 veth bridge route, router route, node2 dropped',
    back: 'node2 route, router route, node1 bridge, client delivered',
    verdicts: ['unreachable', 'no-answer'],
  },
  {
    title: 'behind a masquerade the sender is the node',
    from: 'node1',
    to: '100.64.0.20:80',
    endpoints: ['100.96.1.3'],
    on: 0,
    hook: 'postrouting',
    priority: 150,
    against: { source: '100.96.1.1' },
    there: 'node1 sent translated translated dropped',
    back: '',
    verdicts: ['dropped', 'no-answer'],
  },
  {
    title: 'before the masquerade it is not yet',
    from: 'node1',
    to: '100.64.0.20:80',
    endpoints: ['100.96.1.3'],
    on: 0,
    hook: 'postrouting',
    priority: 50,
    against: { source: '100.96.1.1' },
    there: 'node1 sent translated translated bridge, near delivered',
    verdicts: ['delivered', 'refused'],
  },
  {
    title: 'what a node sends to itself comes in by prerouting, too',
    from: 'node1',
    to: '192.168.50.11:9100',
    on: 0,
    hook: 'prerouting',
    priority: 0,
    against: { destination: '192.168.50.11' },
    there: 'node1 sent dropped',
    back: '',
    verdicts: ['dropped'],
  },
  {
    title: 'a rule against somebody else is none',
    to: '100.96.2.2:8080',
    on: 0,
    hook: 'forward',
    priority: 0,
    against: { source: '100.96.1.3' },
    there: toFar,
    verdicts: ['delivered', 'refused'],
  },
]

for (const row of rows)
  test(row.title, () => {
    const prediction = ask({
      ...row,
      states: (cluster) => [
        stateOf(promisedNode(cluster, ranges, cluster.nodes[row.on] ?? assert.fail()), { tables: [foreign(row)] }),
      ],
    })
    assert.equal(brief(prediction.hops), row.there)
    if (row.back !== undefined) assert.equal(brief(prediction.reply), row.back)
    assert.deepEqual(prediction.verdicts, row.verdicts)
  })

function foreign({ hook, priority, against, refuses }: Foreign): string {
  const [offset, of] = 'source' in against ? [12, against.source] : [16, against.destination]
  return writeTable({
    table: { family: 'ip', name: 'firewall' },
    sets: new Map(),
    chains: new Map([
      [
        'guard',
        {
          name: 'guard',
          hook: { type: 'filter', hook, priority, policy: 'accept' },
          rules: [
            {
              exprs: [
                { kind: 'payload', base: 'network', offset, length: 4, to: 0 },
                { kind: 'cmp', from: 0, op: 'eq', value: packAddress(address(of)) },
                refuses
                  ? { kind: 'reject', with: 'icmp', code: 1 }
                  : { kind: 'immediate', verdict: { verdict: 'drop' } },
              ],
            },
          ],
        },
      ],
    ]),
  })
}
