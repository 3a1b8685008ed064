import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Probe } from '../../api/objects/pod.ts'
import { delayAfter, firstState, nextState, type ProbeKind } from './schedule.ts'

const outcomes = { '+': 'success', '~': 'warning', '-': 'failure', '.': 'failure', '?': 'unknown' } as const

/** The verdict after a row of results; `+` succeeded, `~` with a warning, `-` failed, `.` failed between two periods, `?` could not be tried. */
function verdict(kind: ProbeKind, probe: Probe, results: string): boolean {
  let state = firstState(kind)
  for (const result of results)
    state = nextState(state, probe, outcomes[result as keyof typeof outcomes], result !== '.')
  return state.ok
}

test('the verdict changes after as many successes or failures in a row as the manifest asks', () => {
  const rows: [ProbeKind, Probe, string, boolean][] = [
    ['readiness', {}, '', false],
    ['readiness', {}, '+', true],
    ['readiness', {}, '+--', true],
    ['readiness', {}, '+---', false],
    ['readiness', {}, '+--+--', true],
    ['readiness', { failureThreshold: 1 }, '+-', false],
    ['readiness', { successThreshold: 2 }, '+', false],
    ['readiness', { successThreshold: 2 }, '+-+', false],
    ['readiness', { successThreshold: 2 }, '++', true],
    ['liveness', {}, '--', true],
    ['liveness', {}, '---', false],
    ['startup', { failureThreshold: 2 }, '....', false],
    ['startup', { failureThreshold: 2 }, '...+', true],
    ['readiness', { successThreshold: 2 }, '+~', true],
    ['readiness', { successThreshold: 2 }, '+?+', true],
    ['liveness', { failureThreshold: 1 }, '????', true],
    ['liveness', {}, '-?-?-', false],
  ]
  for (const [kind, probe, results, expected] of rows)
    assert.equal(verdict(kind, probe, results), expected, `${kind} ${results}`)
})

test('failures between two periods count for nothing', () => {
  let state = firstState('startup')
  for (let i = 0; i < 50; i++) state = nextState(state, { failureThreshold: 1 }, 'failure', false)
  assert.equal(state.failures, 0)
})

test('until the first success the next try comes soon, and never later than the period', () => {
  const delays: number[] = []
  let state = firstState('readiness')
  for (let i = 0; i < 15; i++) {
    state = nextState(state, { periodSeconds: 1 }, 'failure', false)
    delays.push(delayAfter(state, 'readiness', { periodSeconds: 1 }))
  }
  assert.deepEqual(delays, [...new Array<number>(10).fill(100), 200, 400, 800, 1000, 1000])
  state = nextState(state, {}, 'success', true)
  assert.equal(delayAfter(state, 'readiness', {}), 10_000)
  assert.equal(delayAfter(firstState('liveness'), 'liveness', { periodSeconds: 7 }), 7000)
})
