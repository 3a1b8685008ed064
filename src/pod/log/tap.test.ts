import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { after, test } from 'node:test'
import { makeLog } from '../../base/log.ts'
import { LogWriter } from './writer.ts'

const dir = mkdtempSync(join(tmpdir(), 'kubehop-tap-'))
after(() => rmSync(dir, { recursive: true }))

function writing(name: string): { path: string; output: PassThrough; writer: LogWriter } {
  const path = join(dir, name)
  const output = new PassThrough()
  return { path, output, writer: new LogWriter(path, { stdout: output }, makeLog('test', 'silent')) }
}
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate)
}

test('a client sees what is printed from now on, all of it, while others come and go', async () => {
  const { output, writer } = writing('now')
  output.write('before\n')
  await turns(2)
  const [one, two] = [writer.tap(), writer.tap()]
  output.write('hello\n')
  await turns(2)
  two.close()
  output.end('you')
  await writer.ended
  assert.equal(String(Buffer.concat(await one.streams.stdout.toArray())), 'hello\nyou')
  assert.equal(String(Buffer.concat(await writer.tap().streams.stdout.toArray())), '')
})

test('the first client of a fresh container sees how it began, and nobody else does', async () => {
  const { output, writer } = writing('fresh')
  writer.keepBeginning()
  output.write('first words\n')
  await turns(2)
  const [one, two] = [writer.tap(), writer.tap()]
  output.end('more')
  await writer.ended
  assert.equal(String(Buffer.concat(await one.streams.stdout.toArray())), 'first words\nmore')
  assert.equal(String(Buffer.concat(await two.streams.stdout.toArray())), 'more')
  const long = writing('long')
  long.writer.keepBeginning()
  long.output.write(Buffer.alloc(100_000, 'x'))
  await turns(4)
  const late = long.writer.tap()
  long.output.end('more')
  await long.writer.ended
  assert.equal(String(Buffer.concat(await late.streams.stdout.toArray())), 'more')
})

test('a client that reads nothing makes the container wait, and is let go when that takes too long', async () => {
  const { path, output, writer } = writing('slow')
  const tap = writer.tap(200)
  const gone = new Promise((resolve) => tap.streams.stdout.once('close', resolve))
  for (let number = 0; number < 400; number++) output.write(Buffer.alloc(10_000, '\n'))
  output.end()
  // A piece of it in each turn.
  await turns(60)
  assert.ok(output.readableLength > 0, 'not all is read')
  const { size } = statSync(path)
  await turns(20)
  assert.equal(statSync(path).size, size, 'and nothing more is')
  await gone
  assert.ok(tap.lagging)
  await writer.ended
  assert.ok(statSync(path).size > size, 'the log goes on without it')
})

test('a client that reads late loses nothing', async () => {
  const { output, writer } = writing('late')
  const tap = writer.tap()
  const sent = Buffer.alloc(4_000_000, 'abcdefghi\n')
  output.end(sent)
  await turns(20)
  const got = Buffer.concat(await tap.streams.stdout.toArray())
  assert.ok(got.equals(sent))
  await writer.ended
})
