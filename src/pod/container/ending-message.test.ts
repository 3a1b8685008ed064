import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { endingMessage } from './ending-message.ts'

const entry = (text: string, tag = 'F'): string => `2026-01-02T03:04:05.678901234Z stdout ${tag} ${text}\n`

/** Of a container that left `said` in its file and `log` in its log. */
function message(
  t: TestContext,
  { said = '', log = '', exitCode = 1, policy = 'FallbackToLogsOnError', own = '' },
): string {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-message-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [file, logFile] = [join(folder, 'said'), join(folder, 'log')]
  writeFileSync(file, said)
  writeFileSync(logFile, log)
  const now = '2026-01-02T03:04:05.678Z'
  const ending = { id: 'x', exitCode, reason: 'Error', startedAt: now, finishedAt: now, message: own }
  return endingMessage(ending, { name: 'c', terminationMessagePolicy: policy }, file, logFile)
}

test('what the container says counts, its last 4096 bytes', (t) => {
  assert.equal(message(t, { said: 'so it was', log: entry('printed') }), 'so it was')
  assert.equal(message(t, { said: `a${'b'.repeat(4096)}` }), 'b'.repeat(4096))
  assert.equal(message(t, { said: `ü${'b'.repeat(4095)}` }), 'b'.repeat(4095), 'no half of a character')
})

test('the log stands for it where that is asked for and the container failed', (t) => {
  const log = entry('one') + entry('two')
  assert.equal(message(t, { log }), 'one\ntwo\n')
  assert.equal(message(t, { log, exitCode: 0 }), '')
  assert.equal(message(t, { log, policy: 'File', own: 'killed' }), 'killed')
  assert.equal(message(t, { log: '', own: 'killed' }), 'killed')
})

test('of the log 80 lines or 2048 bytes, whichever is less, and nothing of its format', (t) => {
  const many = Array.from({ length: 200 }, (_, at) => entry(String(at))).join('')
  const lines = message(t, { log: many }).split('\n')
  assert.deepEqual([lines.length, lines[0], lines.at(-2), lines.at(-1)], [81, '120', '199', ''])
  const long = message(t, { log: Array.from({ length: 60 }, () => entry('x'.repeat(500))).join('') })
  assert.equal(long.length, 2048)
  assert.match(long, /^[x\n]+$/)
  assert.equal(message(t, { log: entry('half of ', 'P') + entry('a line') }), 'half of a line\n')
  const longest = entry('y'.repeat(16_384), 'P') + entry('y'.repeat(16_384), 'P') + entry('y'.repeat(16_384))
  assert.equal(message(t, { log: longest }), `${'y'.repeat(2047)}\n`)
})
