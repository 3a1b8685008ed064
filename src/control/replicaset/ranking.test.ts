import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import { object } from '../testing.ts'
import { leastMissed } from './ranking.ts'

const pod = (name: string, nodeName?: string, status: object = {}, metadata: object = {}): Pod =>
  object('Pod', name, { metadata, spec: { containers: [], ...(nodeName && { nodeName }) }, status })
const ready = (since = '2026-01-01T00:00:00Z') => ({
  phase: 'Running',
  conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }],
})
const restarted = (restartCount: number) => ({
  ...ready(),
  containerStatuses: [{ name: 'c', ready: true, restartCount, image: '', imageID: '' }],
})
const born = (creationTimestamp: string) => ({ creationTimestamp })

test('the pod that is missed least goes first', () => {
  const rows: [string, Pod[], string[]][] = [
    ['no node before a node', [pod('a', 'n'), pod('b')], ['b', 'a']],
    ['pending before running', [pod('a', 'n', { phase: 'Running' }), pod('b', 'n', { phase: 'Pending' })], ['b', 'a']],
    ['not ready before ready', [pod('a', 'n', ready()), pod('b', 'n', { phase: 'Running' })], ['b', 'a']],
    [
      'the cheaper one',
      [
        pod('a', 'n', ready()),
        pod('b', 'n', ready(), { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } }),
      ],
      ['b', 'a'],
    ],
    ['from the fuller node', [pod('a', 'm', ready()), pod('b', 'n', ready()), pod('c', 'n', ready())], ['b', 'c', 'a']],
    ['ready for a shorter time', [pod('a', 'n', ready()), pod('b', 'n', ready('2026-01-01T01:00:00Z'))], ['b', 'a']],
    ['restarted more often', [pod('a', 'n', restarted(1)), pod('b', 'n', restarted(3))], ['b', 'a']],
    ['the newest', [pod('a', 'n', ready()), pod('b', 'n', ready(), born('2026-01-02T00:00:00Z'))], ['b', 'a']],
  ]
  for (const [what, pods, expected] of rows) {
    const names = leastMissed([...pods].reverse(), pods).map((one) => one.metadata.name)
    assert.deepEqual(names, expected, what)
  }
})
