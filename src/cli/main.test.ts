import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

test('output that cannot be written is said in one line, and is a failure', () => {
  const full = openSync('/dev/full', 'w')
  try {
    const main = join(import.meta.dirname, 'main.ts')
    const { status, stderr } = spawnSync(process.execPath, [main, 'doctor', '--list'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    assert.equal(stderr, 'kubehop: the output cannot be written: ENOSPC: no space left on device, write\n')
    assert.equal(status, 1)
  } finally {
    closeSync(full)
  }
})
