import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import type { DnsStep } from '../types.ts'
import { cluster, told } from '../testing/across.ts'
import { foretellQuestions, questionsDiffer } from './questions.ts'

const dns: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kube-dns', namespace: 'kube-system' },
  spec: { clusterIP: '100.64.0.10', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
}
const slice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'dns-1', namespace: 'kube-system', labels: { 'kubernetes.io/service-name': 'kube-dns' } },
  addressType: 'IPv4',
  ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
  endpoints: [{ addresses: ['100.96.2.2'], conditions: { ready: true }, nodeName: 'node2' }],
} as const
const whole = { ...cluster, services: [...cluster.services, dns], slices: [...cluster.slices, slice as never] }
const { ranges, source } = told

/** One line for each question: `web.shop.svc.cluster.local A 100.64.0.10 NOERROR 100.64.0.20`. */
const asked = (name: string, resolvConf: string, seen: readonly DnsStep[] = []): string[] =>
  foretellQuestions({
    cluster: whole,
    namespaces: ['shop', 'kube-system'],
    ranges,
    states: [],
    source,
    name,
    files: { resolvConf, hosts: '127.0.0.1 localhost\n100.96.1.9 pinned\n' },
    port: 40_000,
    seen,
  }).map(({ question, type, server, rcode = '?', answers = [] }) =>
    [question, type, server, rcode, ...answers].join(' '),
  )
const step = (text: string, more: Partial<DnsStep> = {}): DnsStep => {
  const [question = '', type = 'A', server = '', rcode = '', ...answers] = text.split(' ')
  return { question, type: type as 'A', server, rcode, answers, ms: 0, ...more }
}
const own = 'nameserver 100.64.0.10\n'
const search = 'search shop.svc.cluster.local svc.cluster.local\n'

test('what a program asks goes by its files: hosts, search, ndots, no-aaaa', () => {
  assert.deepEqual(asked('pinned', own + search), ['pinned A /etc/hosts NOERROR 100.96.1.9'])
  assert.deepEqual(asked('web', `${own}${search}options ndots:5\n`), [
    'web.shop.svc.cluster.local A 100.64.0.10 NOERROR 100.64.0.20',
    'web.shop.svc.cluster.local AAAA 100.64.0.10 NOERROR',
  ])
  assert.deepEqual(asked('web.shop', `${own}${search}options ndots:5 no-aaaa\n`), [
    'web.shop.shop.svc.cluster.local A 100.64.0.10 NXDOMAIN',
    'web.shop.svc.cluster.local A 100.64.0.10 NOERROR 100.64.0.20',
  ])
  // Without a server nobody is asked.
  assert.deepEqual(asked('web', search), [])
})

test('where nobody can know what is answered, what was seen says how it goes on', () => {
  const conf = 'nameserver 198.51.100.53\nnameserver 100.64.0.10\nsearch cluster.local\noptions no-aaaa attempts:1\n'
  assert.deepEqual(asked('web.shop.svc', conf), ['web.shop.svc A 198.51.100.53 ?'])
  const silent = [step('web.shop.svc A 198.51.100.53 SERVFAIL'), step('web.shop.svc A 100.64.0.10 NXDOMAIN')]
  assert.deepEqual(asked('web.shop.svc', conf, silent), [
    'web.shop.svc A 198.51.100.53 ?',
    'web.shop.svc A 100.64.0.10 ?',
    'web.shop.svc.cluster.local A 198.51.100.53 ?',
  ])
  const cut = [
    step('big.example A 198.51.100.53 NOERROR', { truncated: true }),
    step('big.example A 198.51.100.53 NOERROR 203.0.113.1', { over: 'tcp' }),
  ]
  assert.deepEqual(asked('big.example', conf, cut), ['big.example A 198.51.100.53 ?'])
})

test('each way in which questions may part from those that were foretold is told', () => {
  const foretold = foretellQuestions({
    cluster: whole,
    namespaces: ['shop'],
    ranges,
    states: [],
    source,
    name: 'web.shop',
    files: { resolvConf: `${own}${search}options ndots:5 no-aaaa\n`, hosts: '' },
    port: 40_000,
    seen: [],
  })
  const none = step('web.shop.shop.svc.cluster.local A 100.64.0.10 NXDOMAIN')
  const found = step('web.shop.svc.cluster.local A 100.64.0.10 NOERROR 100.64.0.20')
  assert.equal(questionsDiffer(foretold, [none, found], false), undefined)
  for (const [seen, say] of [
    [
      [found, none],
      /^question 1: predicted was web\.shop\.shop\.svc\.cluster\.local A .*, and asked was web\.shop\.svc/,
    ],
    [[none], /^question 2: predicted was web\.shop\.svc\.cluster\.local A of 100\.64\.0\.10, and asked was none$/],
    [[none, found, found], /^question 3: predicted was none, and asked was web\.shop\.svc/],
    [
      [{ ...none, server: '100.64.0.11' }, found],
      /^question 1: .* of 100\.64\.0\.10, and asked was .* of 100\.64\.0\.11$/,
    ],
    [[{ ...none, type: 'AAAA' as const }, found], /^question 1: .* A of .*, and asked was .* AAAA of /],
    [
      [none, { ...found, rcode: 'SERVFAIL', answers: [] }],
      /^question 2, .*: predicted was NOERROR 100\.64\.0\.20, and it was SERVFAIL$/,
    ],
    [
      [none, { ...found, answers: [] }],
      /^question 2, .*: predicted was NOERROR 100\.64\.0\.20, and it was NOERROR, no address$/,
    ],
    [[none, { ...found, answers: ['203.0.113.1'] }], /it was NOERROR 203\.0\.113\.1$/],
  ] as const)
    assert.match(questionsDiffer(foretold, seen, false) ?? 'no difference', say)
  // Time that ran out is no difference, nor is an answer by the server's own settings, nor silence where nobody knows who listens.
  assert.equal(questionsDiffer(foretold, [none], true), undefined)
  assert.equal(
    questionsDiffer(foretold, [none, { ...found, answers: ['203.0.113.1'], answeredBy: 'hosts: file' }], false),
    undefined,
  )
  assert.equal(questionsDiffer(foretold, [none, { ...found, rcode: 'TIMEOUT', answers: [] }], false), undefined)
})
