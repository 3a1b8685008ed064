import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { testApi, type TestApi } from '../api/testing.ts'
import { cluster } from '../trace/testing/across.ts'
import type { Trace } from '../trace/types.ts'
import { takeDryRun } from './trace-dry-run.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kubehop-dry-run-'))
const kubeconfig = join(folder, 'config')
let api: TestApi

before(async () => {
  api = await testApi()
  writeFileSync(kubeconfig, api.kubeconfig)
  const { store } = api.api.registry
  const dns = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: '100.64.0.10', ports: [{ port: 53, protocol: 'UDP' }] },
  }
  for (const one of cluster.nodes) store.put('Node', { ...one })
  for (const one of cluster.pods) store.put('Pod', { ...one })
  for (const one of [...cluster.services, dns]) store.put('Service', { ...one })
  for (const one of cluster.slices) store.put('EndpointSlice', { ...one })
})
after(async () => {
  await api[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** The user `nobody` of most distributions: any that is not root would do. */
const nobody = 65_534

/** No lab, and nobody's rights but those to read this kubeconfig. */
function trace(...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return traceAs({}, ...words)
}

function traceAs(
  who: { uid?: number; gid?: number },
  ...words: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, KUBEHOP_STATE: join(folder, 'none') }
  return new Promise((resolve) => {
    execFile(process.execPath, [main, 'trace', ...words], { env, ...who }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}
const abroad = ['--dry-run', '--kubeconfig', kubeconfig]

test('any cluster is foretold by its kubeconfig, and says what is not known of it', async () => {
  const { code, stdout, stderr } = await trace(...abroad, 'shop/client', 'http://web/')
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^shop\/client -> http:\/\/web\/ {4}delivered {4}foretold: nothing was sent\n/)
  assert.match(stdout, /web = web\.shop\.svc\.cluster\.local = 100\.64\.0\.20 {4}2 questions to 100\.64\.0\.10/)
  assert.match(stdout, /service shop\/web: 100\.64\.0\.20:80 becomes 100\.96\.2\.2:8080, pod far, the only one/)
  assert.match(stdout, /how node1 reaches node2 is this cluster’s network plugin’s business/)
})

test('it needs no rights on this machine: nobody is told the same as root', {
  skip:
    process.getuid?.() !== 0 && 'these tests have no more rights than an ordinary user: every other test here shows it',
}, async () => {
  chmodSync(folder, 0o755)
  chmodSync(kubeconfig, 0o644)
  const mine = await trace(...abroad, 'shop/client', 'http://web/')
  const theirs = await traceAs({ uid: nobody, gid: nobody }, ...abroad, 'shop/client', 'http://web/')
  assert.deepEqual(theirs, mine)
  assert.equal(theirs.code, 0, theirs.stderr)
})

test('what would not be delivered ends with 1; JSON says that nothing was observed', async () => {
  const { code, stdout } = await trace(...abroad, '-o', 'json', 'shop/client', '100.64.0.20:81')
  assert.equal(code, 1)
  const { verdict, observed, expected, hops } = JSON.parse(stdout) as Trace
  assert.deepEqual({ verdict, observed, expected }, { verdict: 'rejected', observed: false, expected: ['rejected'] })
  assert.ok(hops.every(({ us }) => us === undefined))
})

test('what would go wrong is explained by what the objects show', async () => {
  const cases: [string, RegExp][] = [
    ['http://wbe/', /\nwhy\n {2}nothing is called "wbe"\n {2}-> did you mean web\?\n/],
    ['http://web:8080/', /\nwhy\n {2}service shop\/web has no port 8080\/TCP; .*\n {2}-> ask for port 80/],
    // What leads out of another's cluster is not ours to judge.
    ['http://example.com/', /\nwhy\n {2}example\.com is no name of this cluster: /],
  ]
  for (const [to, expected] of cases) {
    const { code, stdout } = await trace(...abroad, 'shop/client', to)
    assert.match(stdout, expected)
    assert.equal(code, 1)
  }
})

test('what cannot be asked is said, with what to do', async () => {
  const cases: [string[], number, RegExp][] = [
    [[...abroad, 'shop/nobody', 'http://web/'], 2, /^kubehop trace: there is no pod shop\/nobody/],
    [[...abroad, 'shop/client', 'svc/web:htp'], 2, /has no port named "htp"/],
    [[...abroad, '--context', 'there', 'shop/client', 'http://web/'], 1, /it has no context there; it has kubehop/],
    [['--dry-run', '--kubeconfig', join(folder, 'missing'), 'shop/client', 'http://web/'], 1, /missing/],
    [['--kubeconfig', kubeconfig, 'shop/client', 'http://web/'], 2, /--kubeconfig and --context are for --dry-run/],
    [[...abroad, '--count', '3', 'shop/client', 'http://web/'], 2, /leave out --count and --size/],
    [[...abroad, '--live', '3', 'shop/client', 'http://web/'], 2, /leave out --live and --pcap/],
  ]
  for (const [words, code, expected] of cases) {
    const ended = await trace(...words)
    assert.match(ended.stderr, expected)
    assert.equal(ended.code, code, ended.stderr)
  }
})

test('the flags are taken out of the words, wherever they stand', () => {
  assert.deepEqual(takeDryRun(['a', '--dry-run', '--kubeconfig=f', 'b', '--context', 'c']), {
    flags: { dry: true, kubeconfig: 'f', context: 'c' },
    rest: ['a', 'b'],
  })
  assert.throws(() => takeDryRun(['--dry-run', '--kubeconfig']), /--kubeconfig needs a value/)
})
