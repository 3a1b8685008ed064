// A lab with what kubectl streams to and from, and kubectl as a program that tests speak with.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { type EventEmitter, once } from 'node:events'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { run, startTestLab, type Result, type TestLab } from './harness.ts'
import { findKubectl } from './kubectl.ts'

const found = findKubectl()
/** Why tests with kubectl are skipped. */
export const skip: string | false = 'skip' in found ? found.skip : false

/** kubectl that goes on; `said` is what it has written. */
export type Going = ChildProcess & { said: string }

export interface Streams {
  /** There once the tests have begun. */
  lab(): TestLab
  kubeconfig(): string
  kubectl(args: string[], input?: string, env?: Record<string, string>): Promise<Result>
  /** Goes on until the test ends it. */
  begin(args: string[], env?: Record<string, string>): Going
}

const manifest = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: c
    image: host
    command:
    - node
    - -e
    - |
      // 8080 sends back what it is sent, on the pod's loopback only; 9090 counts until its client says that there is no more.
      require('http').createServer((q, r) => q.pipe(r)).listen(8080, '127.0.0.1')
      require('net').createServer({ allowHalfOpen: true }, (s) => { let n = 0; s.on('data', (d) => (n += d.length)).on('end', () => s.end(n + ' bytes')) }).listen(9090)
---
apiVersion: v1
kind: Pod
metadata: {name: cat}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: host, stdin: true, command: [cat]}]
`

/** Begins before this file's tests, and ends after them. */
export function streamsLab(name: string): Streams {
  let lab: TestLab
  let kubeconfig = ''
  before(async () => {
    if ('skip' in found) return
    lab = await startTestLab(name, '--nodes', '1')
    kubeconfig = (await lab.kubehop('kubeconfig', lab.name)).out.trim()
    await lab.apply(manifest)
    const { code, err } = await lab.kubectl('wait', '--for=condition=Ready', 'pod/web', 'pod/cat', '--timeout=30s')
    assert.equal(code, 0, err)
  })
  after(() => lab?.down())

  return {
    lab: () => lab,
    kubeconfig: () => kubeconfig,
    kubectl: (args, input = '', env = {}) =>
      run(
        process.env['KUBECTL'] ?? 'kubectl',
        ['--kubeconfig', kubeconfig, '--cache-dir', join(lab.folder, 'cache'), ...args],
        env,
        input,
      ),
    begin(args, env = {}) {
      const child = spawn(process.env['KUBECTL'] ?? 'kubectl', ['--kubeconfig', kubeconfig, ...args], {
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      const told = Object.assign(child, { said: '' })
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (told.said += chunk.toString()))
      return told
    },
  }
}

export async function said(child: Going, what: RegExp): Promise<RegExpExecArray> {
  for (;;) {
    const match = what.exec(child.said)
    if (match) return match
    assert.equal(child.exitCode, null, child.said)
    // Whatever comes first; nobody listens for the others any more.
    const one = new AbortController()
    const next = (from: EventEmitter | null, event: string): Promise<unknown> =>
      once(from ?? child, event, { signal: one.signal })
    await Promise.race([next(child.stdout, 'data'), next(child.stderr, 'data'), next(child, 'exit')])
    one.abort()
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
