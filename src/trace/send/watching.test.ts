import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '../agent.ts'
import type { Observation } from '../observation.ts'
import type { WatchSpec } from '../observe/spec.ts'
import { type Watcher, watchAll } from './watching.ts'

const spec: WatchSpec = { id: '00000000', protocol: 'tcp', port: 1, addresses: [], pods: [], seconds: 1 }
const probe: Agent['probe'] = () => Promise.reject(new Error('nothing is sent here'))

function watcher(node: string, observe: Agent['observe']): Watcher {
  return { node, spec, agent: { observe, probe } }
}

const until = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

const good = watcher('good', async function* (_, signal): AsyncGenerator<Observation> {
  yield { kind: 'ready' }
  await until(signal)
  yield { kind: 'lost', place: { kind: 'node', node: 'good', name: 'good' }, say: 'seen late' }
  yield { kind: 'end' }
})
const short = (seen: readonly Observation[]): string[] =>
  seen.map((one) => ('say' in one ? `${one.kind}: ${one.say}` : one.kind)).sort()

test('what was seen until the end was asked for is told', async () => {
  const watching = watchAll([good], 1000)
  await watching.ready
  assert.deepEqual(short(await watching.finish()), ['end', 'lost: seen late', 'ready'])
})

test('nobody waits for long for a machine that does not begin, or does not end', async () => {
  const neverBegins = watcher('a', async function* (_, signal): AsyncGenerator<Observation> {
    await until(signal)
    yield { kind: 'ready' }
  })
  const neverEnds = watcher('b', async function* (): AsyncGenerator<Observation> {
    yield { kind: 'ready' }
    await new Promise(() => {})
  })
  const watching = watchAll([good, neverBegins, neverEnds], 30)
  await watching.ready
  assert.deepEqual(short(await watching.finish()), [
    'end',
    'lost: seen late',
    'ready',
    'ready',
    'unwatched: it took too long to begin',
    'unwatched: it took too long to end',
  ])
})

test('a machine that fails, or ends without saying so, is told', async () => {
  const fails = watcher('a', async function* (): AsyncGenerator<Observation> {
    yield { kind: 'ready' }
    throw new Error('the cable is out')
  })
  const stops = watcher('b', async function* (): AsyncGenerator<Observation> {
    yield { kind: 'ready' }
  })
  const watching = watchAll([fails, stops], 1000)
  await watching.ready
  assert.deepEqual(short(await watching.finish()), [
    'ready',
    'ready',
    'unwatched: it ended without saying so',
    'unwatched: the cable is out',
  ])
})
