import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SocketFact } from '../facts.ts'
import { check } from './28-queue.ts'
import { machine, podFacts, socket, view } from './testing.ts'

test('a socket whose queue is full is told; one in which some wait is not', () => {
  const rows: [string, Partial<SocketFact>, number][] = [
    ['nobody waits', { waiting: 0, backlog: 511 }, 0],
    ['some wait', { waiting: 511, backlog: 511 }, 0],
    ['more than the program said', { waiting: 512, backlog: 511 }, 1],
    ['a backlog of nothing holds one', { waiting: 1, backlog: 0 }, 1],
    ['the kernel does not tell', {}, 0],
    ['UDP has no such queue', { protocol: 'udp', waiting: 9, backlog: 0 }, 0],
  ]
  for (const [title, change, count] of rows) {
    const pods = [podFacts('web', { sockets: [socket(8080, change)] })]
    assert.equal(check.find(view({ machines: [machine('node1', { pods })] })).length, count, title)
  }
})
