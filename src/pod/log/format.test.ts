import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineCutter, maxEntry, nanoTime, parseEntry } from './format.ts'

const time = '2026-01-02T03:04:05.000000000Z'

function cut(chunks: Buffer[]): string[] {
  const cutter = new LineCutter('stdout')
  return [...chunks.flatMap((chunk) => cutter.push(chunk, time)), ...cutter.end(time)].map((entry) =>
    entry.toString('latin1'),
  )
}

test('lines become entries, and what has no newline is one at the end', () => {
  assert.deepEqual(cut([Buffer.from('a\n\nb'), Buffer.from('c\nd')]), [
    `${time} stdout F a\n`,
    `${time} stdout F \n`,
    `${time} stdout F bc\n`,
    `${time} stdout F d\n`,
  ])
})

test('a long line is cut into partial entries and a full one', () => {
  const entries = cut([Buffer.from(`${'x'.repeat(maxEntry * 2 + 5)}\n`)])
  const head = `${time} stdout F \n`.length
  assert.deepEqual(
    entries.map((entry) => [entry.split(' ')[2], entry.length - head]),
    [
      ['P', maxEntry],
      ['P', maxEntry],
      ['F', 5],
    ],
  )
})

test('whatever was printed, in whatever pieces, is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), fc.nat({ max: 3 }), (pieces, long) => {
      const printed = Buffer.concat([...pieces, Buffer.alloc(long * maxEntry, 'x')])
      const cutter = new LineCutter('stderr')
      const entries = [...pieces, Buffer.alloc(long * maxEntry, 'x')].flatMap((piece) =>
        cutter.push(Buffer.from(piece), time),
      )
      entries.push(...cutter.end(time))
      const read = entries.map((entry) => {
        const parsed = parseEntry(entry.subarray(0, -1)) ?? assert.fail()
        assert.ok(parsed.text.length <= maxEntry)
        return Buffer.concat([parsed.text, Buffer.from(parsed.partial ? '' : '\n')])
      })
      const whole = Buffer.concat(read)
      const ended =
        printed.length === 0 || printed.at(-1) === 10 ? printed : Buffer.concat([printed, Buffer.from('\n')])
      assert.ok(whole.equals(ended) || whole.equals(printed))
    }),
  )
})

test('a line that is no entry is none, and times have nine digits', () => {
  for (const text of ['', 'hello', `${time} stdin F x`, `${time} stdout X x`])
    assert.equal(parseEntry(Buffer.from(text)), undefined)
  assert.match(nanoTime(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
})
