import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { makeLog } from '../../base/log.ts'
import { type LogOptions, type LogPosition, readLog } from './reader.ts'
import { rotate, rotateAt } from './rotation.ts'
import { LogWriter } from './writer.ts'

const dir = mkdtempSync(join(tmpdir(), 'kubehop-log-'))
after(() => rmSync(dir, { recursive: true }))
let count = 0
const fresh = (): string => join(dir, `${count++}.log`)
const read = async (path: string, options: LogOptions = {}): Promise<string> =>
  String(Buffer.concat(await readLog(path, options, undefined).toArray()))

/** One second apart, from 10:00:00 on. */
const entry = (second: number, text: string, tag = 'F', stream = 'stdout'): string =>
  `2026-01-02T10:00:${String(second).padStart(2, '0')}.000000000Z ${stream} ${tag} ${text}\n`

/** A log of several files, the oldest first. */
function logOf(...files: string[][]): string {
  const path = fresh()
  for (const [at, lines] of files.entries()) {
    const number = files.length - 1 - at
    writeFileSync(number === 0 ? path : `${path}.${number}`, lines.join(''))
  }
  return path
}

test('files that were put aside are read first', async () => {
  const path = logOf([entry(0, 'a')], [entry(1, 'b')], [entry(2, 'c')])
  assert.equal(await read(path), 'a\nb\nc\n')
  assert.equal(await read(join(dir, 'none')), '')
})

test('the last lines are found in whichever file they begin, and a long line is one', async () => {
  const path = logOf(
    [entry(0, 'a'), entry(1, 'b'), entry(2, 'c1', 'P')],
    [entry(3, 'c2', 'P'), entry(4, 'c3'), entry(5, 'd')],
    [entry(6, 'e', 'P')],
  )
  const expected = ['', 'e', 'd\ne', 'c1c2c3\nd\ne', 'b\nc1c2c3\nd\ne', 'a\nb\nc1c2c3\nd\ne', 'a\nb\nc1c2c3\nd\ne']
  for (const [tailLines, text] of expected.entries())
    assert.equal(await read(path, { tailLines }), text, `${tailLines}`)
  const rotatedJustNow = logOf([entry(0, 'a'), entry(1, 'b', 'P')], [])
  assert.equal(await read(rotatedJustNow, { tailLines: 1 }), 'b')
})

test('any tail of any log is the end of the whole', async () => {
  const line = fc.oneof(fc.nat({ max: 20 }), fc.constantFrom(16_384, 70_000))
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 30 }), fc.nat({ max: 32 }), async (lengths, tailLines) => {
      const printed = lengths.map((length, at) => `${String.fromCharCode(97 + (at % 26)).repeat(length)}\n`)
      const path = fresh()
      const output = new PassThrough()
      const writer = new LogWriter(path, { stdout: output }, makeLog('test', 'silent'))
      output.end(printed.join(''))
      await writer.ended
      assert.equal(await read(path, { tailLines }), tailLines === 0 ? '' : printed.slice(-tailLines).join(''))
    }),
    { numRuns: 50 },
  )
})

test('times, streams and sizes choose', async () => {
  const path = logOf([
    entry(1, 'one'),
    entry(2, 'two', 'F', 'stderr'),
    entry(3, 'thr', 'P'),
    entry(4, 'ee'),
    entry(5, 'four'),
  ])
  assert.equal(await read(path, { sinceTime: '2026-01-02T10:00:04Z' }), 'ee\nfour\n')
  assert.equal(await read(path, { sinceTime: '2026-01-02T12:00:04.5+02:00' }), 'four\n')
  assert.equal(await read(path, { sinceSeconds: 60 }), '')
  assert.equal(await read(path, { stream: 'stderr' }), 'two\n')
  assert.equal(await read(path, { limitBytes: 6 }), 'one\ntw')
  assert.equal(
    await read(path, { timestamps: true, tailLines: 2 }),
    '2026-01-02T10:00:03.000000000Z three\n2026-01-02T10:00:05.000000000Z four\n',
  )
})

async function within(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

test('a log takes five files at most, and a follower over all of them misses nothing', async () => {
  const path = fresh()
  const output = new PassThrough()
  const writer = new LogWriter(path, { stdout: output }, makeLog('test', 'silent'))
  const follower = readLog(path, { follow: true }, writer)
  let followed = 0
  follower.on('data', (chunk: Buffer) => {
    for (const byte of chunk) if (byte === 10) followed++
  })
  const line = Buffer.from(`${'x'.repeat(8000)}\n`)
  const lines = Math.ceil((rotateAt * 7) / line.length)
  for (let number = 0; number < lines; number++) {
    if (!output.write(line)) await new Promise((resolve) => output.once('drain', resolve))
    // One that is slower than all rotations would miss something.
    await within(() => number - followed < 2000)
  }
  output.end()
  await writer.ended
  await new Promise((resolve) => follower.once('end', resolve))
  assert.equal(followed, lines)
  const name = path.slice(dir.length + 1)
  const files = readdirSync(dir).filter((one) => one.startsWith(name))
  assert.equal(files.length, 5)
  const sizes = files.map((file) => statSync(join(dir, file)).size)
  assert.ok(
    sizes.every((size) => size < rotateAt * 1.1),
    String(sizes),
  )
})

test('who resumes gets the rest of what was begun, and nothing of another file that has its number now', async () => {
  const path = logOf([entry(0, 'a'), entry(1, 'b')])
  const { promise, resolve } = Promise.withResolvers<LogPosition | undefined>()
  assert.equal(String(Buffer.concat(await readLog(path, { onBegin: resolve }, undefined).toArray())), 'a\nb\n')
  const from = (await promise) ?? assert.fail('it began nowhere')
  for (const number of [1, 2, 3, 4]) {
    rotate(path)
    writeFileSync(path, entry(number, String(number)))
    assert.match(await read(path, { resume: { from, skip: 2 } }), /^b\n1\n/)
  }
  // Now it goes, and a file system may give its number to the next one.
  rotate(path)
  writeFileSync(path, entry(5, 'none of it'))
  assert.equal(await read(path, { resume: { from, skip: 2 } }), '')
})

test('what grows faster than it is read has an end, unless it is followed', async () => {
  const path = fresh()
  const output = new PassThrough()
  const writer = new LogWriter(path, { stdout: output }, makeLog('test', 'silent'))
  output.write('first\n')
  const stream = readLog(path, { limitBytes: 1 << 20 }, writer)
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    output.write('more\n'.repeat(1000))
  }
  assert.equal(text, 'first\n')
  output.end()
  await writer.ended
})
