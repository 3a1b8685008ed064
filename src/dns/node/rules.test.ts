import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { print } from '../../kernel/nftables/print.ts'
import { nodeRules } from './rules.ts'

test('questions from pods and from the node, and all answers, are out of sight of connection tracking', () => {
  assert.equal(
    print(nodeRules(address('169.254.20.10'), 53)),
    `table ip kubehop-dns {
\tchain prerouting {
\t\ttype filter hook prerouting priority -300; policy accept;
\t\tip daddr 169.254.20.10 udp dport 53 notrack comment "questions over UDP"
\t\tip daddr 169.254.20.10 tcp dport 53 notrack comment "questions over TCP"
\t}

\tchain output {
\t\ttype filter hook output priority -300; policy accept;
\t\tip daddr 169.254.20.10 udp dport 53 notrack comment "questions over UDP"
\t\tip daddr 169.254.20.10 tcp dport 53 notrack comment "questions over TCP"
\t\tip saddr 169.254.20.10 udp sport 53 notrack comment "answers over UDP"
\t\tip saddr 169.254.20.10 tcp sport 53 notrack comment "answers over TCP"
\t}
}
`,
  )
})
