import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCorpus } from '../testing/fuzz/corpus.ts'
import { fuzz, fuzzThese } from '../testing/fuzz/fuzz.ts'

// `node scripts/fuzz-dns.ts` does the same for as long as one likes.
const { seeds, messages } = readCorpus()

test('every message that was ever trouble gets the reply that it has to', async () => {
  assert.ok(messages.length > 50)
  await fuzzThese(messages)
})

for (const seed of seeds)
  test(`35,000 messages of seed ${seed} get replies that are well-formed, short enough, and soon forgotten`, async () => {
    const { codes } = await fuzz(seed, 35_000)
    for (const code of ['none', '0', '1', '2', '3', '4', '5'])
      assert.ok((codes.get(code) ?? 0) > 500, `code ${code} came ${codes.get(code) ?? 0} times`)
  })
