import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubehopError } from '../../base/errors.ts'
import { Prober } from './prober.ts'

/** What is told of a liveness probe, tried twice, whose command cannot be started because of `error`. */
async function toldOf(error: Error): Promise<string[]> {
  const told: string[] = []
  let tries = 0
  const { promise: twice, resolve } = Promise.withResolvers<void>()
  const probe = { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 1 }
  const container = { name: 'c', image: 'host', livenessProbe: probe }
  const exec = (): Promise<never> => {
    if (++tries === 2) resolve()
    return Promise.reject(error)
  }
  const prober = new Prober({
    container,
    target: { container, podIP: '', exec },
    ranMs: 0,
    known: undefined,
    onChange: () => told.push('changed'),
    tell: (reason, message) => told.push(`${reason} ${message}`),
    onFailed: () => told.push('failed'),
  })
  await twice
  prober.stop()
  return told
}

test('a probe that cannot be tried is told; one that comes when its container has just ended is not', async () => {
  const missing = new KubehopError('pod', 'exec', 'ENOENT', 'no such program')
  const gone = new KubehopError('pod', 'exec', 'Invalid', 'container c is not running')
  const unknown = 'Unhealthy Liveness probe errored and resulted in unknown state: pod: exec: no such program'
  assert.deepEqual(await Promise.all([toldOf(missing), toldOf(gone)]), [[unknown], []])
})
