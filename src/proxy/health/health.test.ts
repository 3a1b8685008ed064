import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openHealth } from './health.ts'

function open() {
  let steady = 5_000
  let wall = Date.parse('2026-03-01T12:00:00Z')
  const health = openHealth({ family: 4, clock: { steady: () => steady, wall: () => wall } })
  const pass = (seconds: number): void => {
    steady += seconds * 1000
    wall += seconds * 1000
  }
  const setClock = (to: string): void => void (wall = Date.parse(to))
  return { health, pass, setClock }
}

test('a proxy that starts is well: the kernel serves what the one before taught it', () => {
  const { health } = open()
  assert.deepEqual(health.report(), {
    lastUpdated: '0001-01-01T00:00:00Z',
    currentTime: '2026-03-01T12:00:00.000Z',
    nodeEligible: true,
    healthy: true,
    status: { IPv4: { lastUpdated: '0001-01-01T00:00:00Z', healthy: true } },
  })
})

test('changes may wait a minute for the kernel, counted from the oldest one', () => {
  const { health, pass } = open()
  health.queued()
  pass(40)
  health.queued()
  pass(19.9)
  assert.equal(health.healthy(), true)
  pass(0.1)
  assert.equal(health.healthy(), false)
  health.committed()
  assert.deepEqual(health.report().status, { IPv4: { lastUpdated: '2026-03-01T12:01:00.000Z', healthy: true } })
})

test('nothing to do for a day is no illness, and the last success is told to who is ill', () => {
  const { health, pass } = open()
  health.queued()
  pass(1)
  health.committed()
  pass(86_400)
  assert.equal(health.healthy(), true)
  health.queued()
  pass(60)
  const { healthy, lastUpdated, currentTime } = health.report()
  assert.deepEqual([healthy, lastUpdated, currentTime], [false, '2026-03-01T12:00:01.000Z', '2026-03-02T12:01:01.000Z'])
})

test('a day that is set right makes nobody ill', () => {
  const { health, pass, setClock } = open()
  health.queued()
  pass(1)
  setClock('2027-01-01T00:00:00Z')
  assert.equal(health.healthy(), true)
  setClock('1999-01-01T00:00:00Z')
  pass(60)
  assert.equal(health.healthy(), false)
})

test('a node that is about to go says nothing about its proxy', () => {
  const { health } = open()
  health.node(false)
  const { healthy, nodeEligible } = health.report()
  assert.deepEqual([healthy, nodeEligible, health.healthy()], [true, false, true])
  health.node(true)
  assert.equal(health.report().nodeEligible, true)
})
