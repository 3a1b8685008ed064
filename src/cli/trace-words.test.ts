import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trace, type TraceContext } from './trace.ts'
import { UsageError } from './usage.ts'

const nobody: TraceContext = {
  request: async () => assert.fail('nothing is asked'),
  // eslint-disable-next-line require-yield
  async *stream() {
    assert.fail('nothing is asked')
    yield {}
  },
  stop: async () => assert.fail('nothing is asked'),
}

test('the word that is one too many is named', async () => {
  const rows: [string, RegExp][] = [
    ['client', /^FROM and TO are needed$/],
    ['client http://web/ extra', /^"extra" is one word too many: only FROM and TO /],
    ['client http://web/ --size banana', /^"banana" is one word too many; --size takes a number, or stands alone$/],
    ['--size banana client http://web/', /^"banana" is one word too many; --size takes a number/],
    ['client http://web/ --live abc', /^"abc" is one word too many; --live takes a number/],
    ['--size client web extra', /^one of "client", "web", "extra" is one word too many; --size takes a number/],
  ]
  for (const [words, message] of rows)
    await assert.rejects(
      trace(words.split(' '), nobody),
      (error) => error instanceof UsageError && (message.test(error.message) || assert.fail(error.message)),
      words,
    )
})
