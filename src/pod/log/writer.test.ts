import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { makeLog } from '../../base/log.ts'
import { LogWriter } from './writer.ts'

test('of an output that has always more, one piece a turn is read', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-log-'))
  t.after(() => rmSync(dir, { recursive: true }))
  let pieces = 0
  const endless = new Readable({
    read() {
      this.push('y\n'.repeat(1000))
    },
  })
  endless.on('data', () => pieces++)
  const writer = new LogWriter(join(dir, '0.log'), { stdout: endless }, makeLog('test', 'silent'))
  await turn()
  const before = pieces
  for (let turns = 0; turns < 50; turns++) await turn()
  assert.ok(pieces > before, 'it is read')
  assert.ok(pieces - before <= 51, `${pieces - before} pieces in 50 turns`)
  writer.detach()
})
