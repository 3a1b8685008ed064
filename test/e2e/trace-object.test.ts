// A Trace as an API object, by the real kubectl.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TraceObject } from '../../src/api/objects/trace.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('traces', '--nodes', '2', '-f', 'examples/shop')
})
after(async () => lab?.down())

const traceOf = (name: string, spec: string): string => `
apiVersion: kubehop.dev/v1alpha1
kind: Trace
metadata: { name: ${name} }
spec:
${spec.replace(/^/gm, '  ')}
`
const finished = (name: string): Promise<TraceObject> =>
  lab.until(
    `trace ${name} to end`,
    () => lab.json<TraceObject>('get', 'trace', name),
    ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed',
  )

test('a trace that is applied is sent, and its status tells every hop', async () => {
  await lab.apply(traceOf('web', 'source: { pod: client }\ndestination: { url: "http://web/" }'))
  const { status } = await finished('web')
  assert.deepEqual(
    [status?.phase, status?.verdict, status?.answer, status?.agrees],
    ['Succeeded', 'delivered', '200 OK', true],
  )
  const seen = status?.results?.flatMap(({ observations }) => observations) ?? []
  assert.equal(seen[0]?.pod, 'client')
  assert.match(seen.find(({ action }) => action === 'Translated')?.componentInfo ?? '', /^service default\/web: /)
  assert.equal(seen.at(-1)?.action, 'Delivered')
  assert.ok((status?.replyResults?.length ?? 0) > 0 && status?.dns?.length === 2)
})

test('why it failed is in the status, and in a column', async () => {
  await lab.apply(traceOf('port', 'source: { pod: client }\ndestination: { service: web, port: 81 }'))
  const { status } = await finished('port')
  assert.deepEqual([status?.verdict, status?.why?.[0]?.code], ['rejected', 'NoSuchPort'])
  const { out } = await lab.kubectl('get', 'traces', '-o', 'wide')
  assert.match(out, /^NAME +FROM +TO +PHASE +VERDICT +ANSWER +TIME +WHY +AGE$/m)
  assert.match(out, /^port +client +web:81 +Succeeded +rejected +[\d.]+ms +service default\/web has no port 81/m)
})

test('what is refused before anything is asked ends as Failed, and the lab goes on', async () => {
  await lab.apply(traceOf('long', `source: { pod: client }\ndestination: { url: "http://web/${'a'.repeat(5000)}" }`))
  const { status } = await finished('long')
  assert.equal(status?.phase, 'Failed')
  assert.match(status?.reason ?? '', /^a trace is /)
})

test('what cannot be traced ends as Failed, with the reason', async () => {
  await lab.apply(traceOf('nobody', 'source: { pod: clent }\ndestination: { service: web }'))
  const { status } = await finished('nobody')
  assert.equal(status?.phase, 'Failed')
  assert.match(status?.reason ?? '', /there is no pod default\/clent; did you mean client\?/)
})

test('a wrong one is refused by field, and a trace that was sent cannot be changed', async () => {
  await assert.rejects(lab.apply(traceOf('two', 'source: { pod: client, node: node1 }\ndestination: {}')), (error) => {
    assert.match(String(error), /spec\.source: Invalid value.*only one of pod, node, outside/)
    assert.match(String(error), /spec\.destination: Required value/)
    return true
  })
  await assert.rejects(
    lab.apply(traceOf('web', 'source: { pod: client }\ndestination: { url: "http://api/" }')),
    /sent once: make another one/,
  )
  for (const [destination, said] of [
    [
      'url: "ftp://web/"',
      /spec\.destination\.url: Invalid value: "ftp:\/\/web\/": "ftp:\/\/" is not understood: http, /,
    ],
    ['ip: "::1", port: 80', /spec\.destination\.ip: Invalid value: "::1": ::1 is IPv6, and a trace follows IPv4 only/],
  ] as const)
    await assert.rejects(lab.apply(traceOf('never', `source: { pod: client }\ndestination: { ${destination} }`)), said)
  assert.equal((await lab.kubectl('get', 'trace', 'never')).code, 1)
  const explained = await lab.kubectl('explain', 'trace.spec.destination')
  assert.match(explained.out, /service\s+<string>/)
})

test('several at once are all answered', async () => {
  const names = Array.from({ length: 10 }, (_, at) => `many-${at}`)
  await lab.apply(
    names.map((name) => traceOf(name, 'source: { pod: client }\ndestination: { service: web }')).join('---'),
  )
  for (const name of names) assert.equal((await finished(name)).status?.verdict, 'delivered')
  assert.equal((await lab.kubectl('delete', 'traces', '--all')).code, 0)
})
