// However a request fails: why is never empty, and names who said no, or the last place that saw it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { cable, type Fault, forbidden, node, router, setting, shortCard } from './trace-why-faults.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1', { app: 'near' })
  world.pod('far', 'node2', { app: 'web' })
  world.service('web', '100.64.0.21', 80, 8080, ['far'])
  world.service('near-svc', '100.64.0.22', 80, 8080, ['near'])
  world.service('wrong', '100.64.0.23', 80, 9999, ['far'])
  world.service('empty', '100.64.0.24', 80, 8080, [])
  world.teach()
  world.resolvConf = 'nameserver 100.64.0.99\nsearch shop.svc.cluster.local\noptions timeout:1 attempts:1\n'
  await Promise.all([world.web('far'), world.web('near')])
  await world.program('near', `require('net').createServer(() => {}).listen(6060, () => console.log('ready'))`)
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const healthy: Fault = () => () => {}
const port = 'http://100.64.0.21/'

// What is asked for, what is broken, and who is to be named; `NEAR` stands for the near pod's address.
const rows: readonly [title: string, to: string, fault: Fault, expected: RegExp][] = [
  [
    'nobody listens',
    'pod/far:81',
    healthy,
    /^SaidNo: the kernel of pod shop\/far said no after [\d.]+ ms: it reset the connection$/,
  ],
  [
    'nobody listens, UDP',
    'udp://pod/far:81',
    healthy,
    /^SaidNo: pod shop\/far said no .*port is closed \(ICMP: port unreachable\)$/,
  ],
  ['a wrong targetPort', 'svc/wrong', healthy, /^SaidNo: the kernel of pod shop\/far said no/],
  [
    'no endpoints',
    'svc/empty',
    healthy,
    /^SaidNo: a rule of node1, in the place of the address that was asked for, said no/,
  ],
  ['no such port', 'svc/web:81', healthy, /^SaidNo: a rule of node1/],
  [
    'no such service',
    '100.64.0.98:80',
    healthy,
    /^Silence: nobody said anything within 0\.\d s.*: a rule of node1 threw it away without a word \(.*no service has this address/,
  ],
  ['no pod has it', '100.96.2.77:80', healthy, /^SaidNo: node2 said no .*host unreachable/],
  [
    'no pod of the own range has it',
    '100.96.1.77:80',
    healthy,
    /^NotSent: the kernel of pod shop\/client itself said so/,
  ],
  ['no way out', '203.0.113.9:80', healthy, /^SaidNo: router said no .*network unreachable/],
  [
    'a program that is silent',
    'http://NEAR:6060/',
    healthy,
    /^Silence: the kernel of pod shop\/near took the connection after/,
  ],
  ['a name server that nobody has', 'http://nobody/', healthy, /^Silence: .*a rule of node1 threw it away/],
  [
    'node1 forwards nothing',
    port,
    setting(node('node1'), 'net.ipv4.ip_forward', 0),
    /^Silence: .*: it came to node1 by cbr0 and did not go on$/,
  ],
  [
    'node2 forwards nothing',
    port,
    setting(node('node2'), 'net.ipv4.ip_forward', 0),
    /^Silence: .*: it came to node2 by eth0 and did not go on$/,
  ],
  [
    'the router forwards nothing',
    port,
    setting(router, 'net.ipv4.ip_forward', 0),
    /^Silence: .*: it came to router by eth0 and did not go on$/,
  ],
  [
    'a firewall on the way',
    port,
    forbidden('node2', 16),
    /^Silence: .*: a rule of node2 threw it away without a word \(firewall guard.*drop\)$/,
  ],
  [
    'a firewall on the way back',
    port,
    forbidden('node2', 12),
    /^AnswerLost: pod shop\/far answered after .*, and the answer was lost on its way: a rule of node2 was against it \(firewall guard: .* -> drop\)$/,
  ],
  [
    'the pod’s cable is pulled',
    port,
    cable('far', { up: false }, { up: true }),
    /^(SaidNo: node2 said no .*host unreachable|Silence: .*node2)/,
  ],
  [
    'the answer goes past the rules',
    'http://100.64.0.22/',
    setting(node('node1'), 'net.bridge.bridge-nf-call-iptables', 0),
    /^(AnswerLost|Silence|SaidNo): /,
  ],
]

for (const [title, to, fault, expected] of rows)
  test(`${title}: why names who said so`, async () => {
    const mend = fault(world)
    let trace: Trace
    try {
      trace = await world.trace('client', to.replace('NEAR', world.addressOf('near')), { timeoutMs: 300 })
    } finally {
      mend()
    }
    assert.notEqual(trace.verdict, 'delivered')
    const authors = trace.why.filter(({ code }) => ['SaidNo', 'AnswerLost', 'Silence', 'NotSent'].includes(code))
    assert.deepEqual(
      authors.map(({ code, say }) => `${code}: ${say}`).filter((text) => !expected.test(text)),
      [],
      JSON.stringify(trace.why, null, 1),
    )
    assert.equal(authors.length, 1)
    for (const { say, fix } of trace.why) assert.ok(say !== '' && fix !== '')
  })

test('a sender that is still asking who has the address when time is over is not said to have been told no', async () => {
  // It gives up after three questions, 50 ms apart.
  const trace = await world.trace('client', '100.96.1.78:80', { timeoutMs: 60 })
  const told = trace.why.find(({ code }) => code === 'NotSent')
  assert.match(
    told?.say ?? '',
    /^pod shop\/client asked its wire who has that address, and nobody answered within 0\.1 s: no packet of the request left \(no answer from 100\.96\.1\.78\)$/,
  )
})

test('a node that could not be watched is named beside the silence', async () => {
  const agents = new Map(world.agents)
  agents.set('node2', {
    ...(world.agents.get('node2') ?? assert.fail()),
    // oxlint-disable-next-line require-yield
    async *observe() {
      throw new Error('away')
    },
  })
  const mend = forbidden('node2', 16)(world)
  try {
    const trace = await world.trace('client', port, { timeoutMs: 300, agents })
    const silence = trace.why.find(({ code }) => code === 'Silence')
    assert.match(silence?.say ?? '', /it left router by eth0, and nobody behind saw it; node2 could not be watched$/)
  } finally {
    mend()
  }
})

test('packets that are measured say why large ones are told off, or vanish', async () => {
  const rows: [string, RegExp][] = [
    [
      'node1',
      /^PacketTooBig warning: packets of 1400 bytes, .* are too long behind node1, which takes 1300: the sender is told/,
    ],
    [
      'node2',
      /^LargeVanish error: echo requests to pod far .*: those of 1400 bytes vanish behind router’s eth0, and nobody says so/,
    ],
  ]
  for (const [name, expected] of rows) {
    const mend = shortCard(name)(world)
    try {
      const { verdict, why } = await world.trace('client', port, { sizes: 1400 })
      assert.equal(verdict, 'delivered')
      assert.match(why.map(({ code, level, say }) => `${code} ${level}: ${say}`).join(), expected)
    } finally {
      mend()
    }
  }
  const { why } = await world.trace('client', port, { sizes: 1400 })
  assert.deepEqual(why, [])
})

test('what was delivered needs no explanation', async () => {
  const trace = await world.trace('client', port)
  assert.deepEqual([trace.verdict, trace.why], ['delivered', []])
})

test('an answer from another address than the one that was asked is told as thrown away', async () => {
  const mend = setting(node('node1'), 'net.bridge.bridge-nf-call-iptables', 0)(world)
  try {
    const trace = await world.trace('client', 'http://100.64.0.22/', { timeoutMs: 300 })
    assert.equal(trace.verdict, 'no-answer')
    const near = world.addressOf('near').replaceAll('.', '\\.')
    assert.match(
      trace.reply.at(-1)?.say ?? '',
      new RegExp(`^an answer came, from ${near}:\\d+, whom client did not ask: thrown away$`),
    )
  } finally {
    mend()
  }
})
