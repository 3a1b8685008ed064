import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkPolicy } from '../objects/networkpolicy.ts'
import { networkPolicyColumns } from '../server/tables/networkpolicy.ts'
import { networkPolicyStrategy as strategy } from './networkpolicy.ts'

const made = (spec?: Partial<NetworkPolicy['spec']>): NetworkPolicy => {
  const policy = { metadata: { name: 'p' }, ...(spec && { spec }) } as NetworkPolicy
  strategy.defaults?.(policy)
  return policy
}
const said = (spec?: Partial<NetworkPolicy['spec']>): string[] =>
  (strategy.validate?.(made(spec)) ?? []).map(({ path, say }) => `${path}: ${say}`)

test('what a policy leaves out is filled in as upstream does', () => {
  assert.deepEqual(made().spec, { podSelector: {}, policyTypes: ['Ingress'] })
  assert.deepEqual(made({ egress: [{}] }).spec.policyTypes, ['Ingress', 'Egress'])
  assert.deepEqual(made({ egress: [] }).spec.policyTypes, ['Ingress'])
  assert.deepEqual(made({ policyTypes: ['Egress'] }).spec.policyTypes, ['Egress'])
  assert.deepEqual(made({ ingress: [{ ports: [{ port: 80 }] }] }).spec.ingress, [
    { ports: [{ port: 80, protocol: 'TCP' }] },
  ])
})

test('a peer is either a range or selectors, and a range’s exceptions are parts of it', () => {
  const peer = (one: object): string[] => said({ ingress: [{ from: [one] }] })
  const at = 'spec.ingress[0].from[0]'
  assert.deepEqual(peer({ podSelector: {} }), [])
  assert.deepEqual(peer({ namespaceSelector: {}, podSelector: { matchLabels: { a: 'b' } } }), [])
  assert.deepEqual(peer({ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }), [])
  assert.deepEqual(peer({ ipBlock: { cidr: 'fd00::/8', except: ['fd01::/16'] } }), [])
  assert.deepEqual(peer({}), [`${at}: Required value: must specify a peer`])
  assert.deepEqual(peer({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }), [
    `${at}: Forbidden: may not specify both ipBlock and another peer`,
  ])
  assert.match(peer({ ipBlock: { cidr: '10.0.0.0' } })[0] ?? '', /ipBlock\.cidr: Invalid value: "10\.0\.0\.0"/)
  for (const except of ['10.0.0.0/8', '11.0.0.0/16', '0.0.0.0/0'])
    assert.match(
      peer({ ipBlock: { cidr: '10.0.0.0/8', except: [except] } })[0] ?? '',
      /except\[0\].*must be a strict subset of `cidr`/,
    )
})

test('ports are numbers or names; ranges of ports have numbers and a direction', () => {
  const port = (one: object): string[] => said({ egress: [{ ports: [one] }] })
  const at = 'spec.egress[0].ports[0]'
  for (const good of [{ port: 80 }, { port: 'http' }, {}, { protocol: 'SCTP' }, { port: 80, endPort: 80 }])
    assert.deepEqual(port(good), [])
  assert.deepEqual(port({ port: 'http', endPort: 90 }), [
    `${at}.port: Required value: must be a number when \`endPort\` is specified`,
  ])
  assert.match(port({ port: 80, endPort: 79 })[0] ?? '', /endPort.*greater than or equal to `port`/)
  assert.match(port({ port: 0 })[0] ?? '', /between 1 and 65535/)
  assert.match(port({ protocol: 'ICMP' })[0] ?? '', /Unsupported value: "ICMP"/)
})

test('selectors and types are checked as elsewhere', () => {
  assert.match(said({ podSelector: { matchLabels: { 'a b': 'c' } } })[0] ?? '', /^spec\.podSelector\.matchLabels/)
  assert.match(said({ policyTypes: ['Both' as 'Egress'] })[0] ?? '', /policyTypes\[0\].*Unsupported value: "Both"/)
})

test('the table shows the selector, as kubectl get netpol does', () => {
  const cell = (spec: object): unknown => networkPolicyColumns[1]?.cell(made(spec))
  assert.equal(cell({}), '<none>')
  assert.equal(cell({ podSelector: { matchLabels: { app: 'web' } } }), 'app=web')
})
