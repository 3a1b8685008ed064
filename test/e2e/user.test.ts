// Everything works for a user who is not root. When these tests run as root, a lab is started as somebody else here.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

/** `nobody`: every system has that number. */
const uid = 65534
const main = resolve('src/cli/main.ts')

const whyNot = (): string | false => {
  if (process.getuid?.() !== 0) return 'these tests run as an ordinary user already'
  const { status } = spawnSync(process.execPath, ['-e', `require('node:fs').accessSync(${JSON.stringify(main)})`], {
    uid,
    gid: uid,
    env: {},
  })
  return status === 0 ? false : 'another user cannot read this checkout'
}

test('an ordinary user starts a lab, traces a request in it and ends it', { skip: whyNot() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'kh-user-'))
  spawnSync('chown', [String(uid), folder])
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, KUBEHOP_STATE: join(folder, 'state') }
  const kubehop = (...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      uid,
      gid: uid,
      env,
      encoding: 'utf8',
      timeout: 120_000,
    })
    assert.equal(status, 0, `kubehop ${args.join(' ')}\n${stdout}\n${stderr}`)
    return stdout
  }
  try {
    kubehop('up', 'user', '-f', resolve('examples/shop'))
    assert.match(kubehop('trace', 'client', 'http://web/'), /delivered, 200 OK/)
    assert.match(kubehop('status'), /node3 .* Ready/)
  } finally {
    kubehop('down', '--all')
    rmSync(folder, { recursive: true, force: true })
  }
})
