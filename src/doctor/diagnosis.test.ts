import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { diagnose } from './diagnose.ts'
import { diagnosisOf, mistakes } from './diagnosis.ts'
import { machine, node, now, pod, service, slice, view } from './findings/testing.ts'
import { commandOf, quoted } from './render/command.ts'
import { renderDiagnosis, renderList } from './render/text.ts'
import type { View } from './types.ts'

const plain = { width: 80, color: false, verbose: false }
const broken = (change: Partial<View> = {}) =>
  view({ cluster: { services: [service('web', { selector: { app: 'wbe' } })], slices: [slice('web', [])] }, ...change })

test('a healthy cluster has nothing wrong, and it is said how much was looked at', () => {
  const found = diagnosisOf(view(), [])
  assert.deepEqual(found.findings, [])
  const ran = found.checks.filter(({ ran, number }) => ran && number <= 25).length
  const [first] = renderDiagnosis(found, { ...plain, width: 0 }).split('\n')
  assert.equal(
    first,
    `looked at 1 service, 1 pod, 2 nodes, 3 kernels (one is the router’s): ${ran} of 25 checks (1 in part), nothing wrong`,
  )
})

test('checks that ran and those that did not are all there are, each once', () => {
  for (const machines of [[], view().machines]) {
    const text = renderDiagnosis(diagnosisOf(view({ machines }), []), { ...plain, width: 0 })
    const [, ran, of] = /: (\d+) of (\d+) checks/.exec(text) ?? []
    const idle = [...text.matchAll(/^(\d+) more checks? /gm)].map(([, count]) => Number(count))
    assert.ok(idle.length > 1)
    assert.equal(
      idle.reduce((sum, one) => sum + one, Number(ran)),
      Number(of),
      text,
    )
  }
})

test('one mistake is told once: what it looks like elsewhere is its echo', () => {
  // A pod whose selector is missed is served by nobody, on no port, on no node.
  assert.deepEqual(
    diagnose(broken()).map(({ code }) => code),
    ['SelectorMatchesNothing'],
  )
})

test('a namespace that is being cleared out, and those that were not asked for, are left alone', () => {
  const metadata = { name: 'shop', deletionTimestamp: new Date(now).toISOString() }
  assert.deepEqual(diagnose(broken({ namespaces: [{ apiVersion: 'v1', kind: 'Namespace', metadata }] })), [])
  assert.deepEqual(diagnose(broken({ namespace: 'live' })), [])
  assert.equal(diagnose(broken({ namespace: 'shop' })).length, 1)
})

test('without agents and requests it is said which checks could not run, and why', () => {
  const { checks } = diagnosisOf(view({ machines: [] }), [])
  const because = (number: number): string | undefined => checks.find((one) => one.number === number)?.because
  assert.deepEqual([1, 3, 5, 8].map(because), [
    undefined,
    'needs agents on the nodes',
    'needs a request: --for FROM TO',
    because(9),
  ])
  assert.match(because(8) ?? '', /does not enforce/)
  const text = renderDiagnosis(diagnosisOf(view({ machines: [] }), ['the kernel of node2: gone']), {
    ...plain,
    verbose: true,
  })
  assert.match(text, /not looked at: the kernel of node2: gone/)
  assert.match(
    text,
    /\n\d+ more checks need agents on the nodes\n[^]* {3}3 {2}refused: the program listens on 127\.0\.0\.1 only\n/,
  )
})

test('a finding is told with its evidence, the change as a command, and how sure it is, in 80 columns', () => {
  const text = renderDiagnosis(diagnosisOf(broken(), []), plain)
  assert.match(
    text,
    /^error {2}service shop\/web {2}spec\.selector\.app\n {2}service shop\/web selects app=wbe, and no pod/,
  )
  assert.match(
    text,
    /\n {2}-> pods here have app=web: is that meant\?\n {5}kubectl -n shop patch service web --type=merge -p '/,
  )
  assert.match(text, /SelectorMatchesNothing, mistake 1; certain: it cannot be otherwise\n\nlooked at .*1 error/s)
  for (const line of text.split('\n')) assert.ok(line.length <= 80 || line.includes('kubectl'), line)
  assert.equal(text.includes('\u001b'), false)
})

test('commands are for a shell as they stand, whatever a name holds', () => {
  for (const word of ['web', "it's", '$(reboot)', 'a b', '', '"', '\\', '`x`', '*', "''"])
    assert.equal(execFileSync('sh', ['-c', `printf %s ${quoted(word)}`], { encoding: 'utf8' }), word)
  const patch = {
    kind: 'Service',
    namespace: 'shop',
    name: 'web',
    type: 'merge',
    body: { spec: { selector: { a: "b'c" } } },
  } as const
  assert.equal(
    commandOf({ ...patch, subresource: 'status' }),
    String.raw`kubectl -n shop patch service web --subresource=status --type=merge -p '{"spec":{"selector":{"a":"b'\''c"}}}'`,
  )
})

test('the list has the twenty-five in their order, with what each needs', () => {
  assert.deepEqual(
    mistakes.slice(0, 25).map(({ number }) => number),
    Array.from({ length: 25 }, (_, at) => at + 1),
  )
  const list = renderList(plain)
  for (const { title } of mistakes) assert.ok(list.replace(/\n +/g, ' ').includes(title), title)
  const wide = renderList({ ...plain, width: 0 })
  assert.match(wide, /\n14 {2}refused: .*\n +from the objects of any cluster; more from a request: --for FROM TO\n/)
  assert.match(
    wide,
    /\n20 {2}.*\n +from the objects of any cluster; more from the kernels of the nodes, by their agents\n/,
  )
  assert.match(wide, /\n18 {2}.*\n +from the kernels of the nodes, by their agents, or from a request: --for FROM TO\n/)
})

test('what is found of a node concerns every namespace', () => {
  const twin = { ...node('node2'), spec: { podCIDR: '100.96.1.0/24' } }
  const found = diagnose(
    view({
      machines: [machine('node1')],
      namespace: 'shop',
      cluster: { nodes: [node('node1'), twin], pods: [pod('web')] },
    }),
  )
  assert.ok(found.some(({ code }) => code === 'NodeRangesOverlap'))
})
