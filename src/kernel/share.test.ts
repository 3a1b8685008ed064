import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { awaitUnshared, shareFile } from './share.ts'

test('who inherits a shared file shares it, until it lets go', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'share-'))
  const path = join(dir, 'file')
  try {
    awaitUnshared(path)
    const one = shareFile(path)
    const other = shareFile(path)
    const script = `until test -e ${dir}/go; do :; done; touch ${dir}/over; exec 3>&-; read rest`
    const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'inherit', one] })
    closeSync(one)
    closeSync(other)
    // This thread waits below, so somebody else says when.
    spawn('sh', ['-c', `sleep 0.05; touch ${dir}/go`])
    awaitUnshared(path)
    assert.ok(existsSync(join(dir, 'over')))
    assert.equal(child.exitCode, null)
    child.stdin?.end()
    await once(child, 'exit')
  } finally {
    rmSync(dir, { recursive: true })
  }
})
