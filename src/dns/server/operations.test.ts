import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { measured } from '../../base/metrics/number.ts'
import { openOperations, operationPages } from './operations.ts'

test('requests for metrics that come together are answered together, each with what is true after it came', async () => {
  let [made, value] = [0, 0]
  const pages = operationPages({
    missing: () => [],
    families() {
      made++
      if (value === 13) throw new Error('no luck')
      return [measured('gauge', 'value', 'A value.', () => value)]
    },
  })
  const { ports, close } = await openOperations({ metrics: { address: address('127.0.0.1'), port: 0 } }, pages)
  const get = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${ports.metrics}/metrics`)
    return `${response.status} ${(await response.text()).split('\n').at(-2)}`
  }
  await Promise.all(Array.from({ length: 200 }, async () => pages.metrics()))
  assert.equal(made, 1)
  assert.equal(await get(), '200 value 0')
  value = 13
  assert.equal(await get(), '500 no luck')
  value = 14
  assert.equal(await get(), '200 value 14')
  await close()
})
