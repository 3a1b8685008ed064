import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CniError, errorAnswer } from '../plugin/error.ts'
import { reasonOf, textOf } from './text.ts'

test('the log says why a plugin could not, whatever it wrote', () => {
  const refused = textOf({ out: errorAnswer(new CniError('badConfig', 'mtu is 3, not a whole number'), '1.1.0') })
  assert.deepEqual(reasonOf(refused), { code: 7, reason: 'mtu is 3, not a whole number' })
  assert.deepEqual(reasonOf('Segmentation fault\n'), { reason: 'Segmentation fault' })
  assert.deepEqual([reasonOf(''), reasonOf('[]'), reasonOf('{"code":"x"}')], [{}, {}, {}])
})
