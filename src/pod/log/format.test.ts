import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineCutter, maxEntry, nanoTime, nanoTimeOf, parseEntry } from './format.ts'

const time = '2026-01-02T03:04:05.000000000Z'

function cut(chunks: Buffer[]): string[] {
  const cutter = new LineCutter('stdout')
  return split(Buffer.concat([...chunks.map((chunk) => cutter.push(chunk, time)), cutter.end(time)])).map((entry) =>
    entry.toString('latin1'),
  )
}

/** Entries, each with its newline. */
function split(bytes: Buffer): Buffer[] {
  const entries: Buffer[] = []
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf('\n', from) + 1
    entries.push(bytes.subarray(from, end))
    from = end
  }
  return entries
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
      const entries = [...pieces, Buffer.alloc(long * maxEntry, 'x')].map((piece) =>
        cutter.push(Buffer.from(piece), time),
      )
      const read = split(Buffer.concat([...entries, cutter.end(time)])).map((entry) => {
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

test('a prompt is shown before its newline comes, and its line is still one', () => {
  const cutter = new LineCutter('stdout')
  assert.equal(cutter.push(Buffer.from('a\nname? '), time).toString(), `${time} stdout F a\n`)
  assert.ok(cutter.waiting)
  assert.equal(cutter.flush(time).toString(), `${time} stdout P name? \n`)
  assert.equal(cutter.flush(time).length, 0)
  assert.equal(cutter.end(time).toString(), `${time} stdout F \n`, 'the line ends')
  const other = new LineCutter('stdout')
  other.push(Buffer.from('name? '), time)
  other.flush(time)
  assert.equal(other.push(Buffer.from('me\n'), time).toString(), `${time} stdout F me\n`)
  assert.equal(other.end(time).length, 0)
})

test('a line that is no entry is none, and times have nine digits', () => {
  for (const text of ['', 'hello', `${time} stdin F x`, `${time} stdout X x`])
    assert.equal(parseEntry(Buffer.from(text)), undefined)
  assert.match(nanoTime(), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
})

test('times of other zones and precisions compare with those of a log', () => {
  assert.equal(nanoTimeOf('2026-01-02T03:04:05Z'), time)
  assert.equal(nanoTimeOf('2026-01-02T05:04:05.5+02:00'), '2026-01-02T03:04:05.500000000Z')
  assert.equal(nanoTimeOf('2026-01-02T03:04:05.123456789Z'), '2026-01-02T03:04:05.123456789Z')
})
