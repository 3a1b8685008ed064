import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import { object } from '../testing.ts'
import { bearsFor, type Taint } from './taints.ts'

const bad: Taint = { key: 'disk', value: 'bad', effect: 'NoExecute' }
const slow: Taint = { key: 'net', value: 'slow', effect: 'NoExecute' }

test('a pod bears taints as long as its tolerations say', () => {
  const rows: [string, NonNullable<Pod['spec']['tolerations']>, Taint[], number | undefined][] = [
    ['none', [], [bad], 0],
    ['the same key and value', [{ key: 'disk', value: 'bad', effect: 'NoExecute' }], [bad], undefined],
    ['another value', [{ key: 'disk', value: 'good' }], [bad], 0],
    ['any value', [{ key: 'disk', operator: 'Exists' }], [bad], undefined],
    ['anything', [{ operator: 'Exists' }], [bad, slow], undefined],
    ['another effect', [{ key: 'disk', operator: 'Exists', effect: 'NoSchedule' }], [bad], 0],
    ['for a while', [{ key: 'disk', operator: 'Exists', tolerationSeconds: 30 }], [bad], 30_000],
    ['never less than nothing', [{ key: 'disk', operator: 'Exists', tolerationSeconds: -5 }], [bad], 0],
    ['one of two', [{ key: 'disk', operator: 'Exists' }], [bad, slow], 0],
    [
      'the shortest counts',
      [
        { key: 'disk', operator: 'Exists', tolerationSeconds: 30 },
        { key: 'net', operator: 'Exists', tolerationSeconds: 9 },
      ],
      [bad, slow],
      9_000,
    ],
  ]
  for (const [what, tolerations, taints, expected] of rows)
    assert.equal(bearsFor(object('Pod', 'a', { spec: { containers: [], tolerations } }), taints), expected, what)
})
