import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { openPcap } from './pcap-file.ts'
import { takeLive } from './trace-live.ts'

test('--live may have a number behind it, and what is no number is something else', () => {
  const rows: [string, number | undefined, string][] = [
    ['client web', undefined, 'client web'],
    ['client web --live', 10, 'client web'],
    ['--live client web', 10, 'client web'],
    ['--live 3 client web', 3, 'client web'],
    ['client --live=0.5 web', 0.5, 'client web'],
    ['client --live 100.64.0.1:80', 10, 'client 100.64.0.1:80'],
    ['client --live 100.64.0.1', 10, 'client 100.64.0.1'],
  ]
  for (const [words, seconds, rest] of rows) {
    const taken = takeLive(words.split(' '))
    assert.deepEqual([taken.seconds, taken.rest.join(' ')], [seconds, rest], words)
  }
  for (const words of ['--live=soon', '--live=0', '--live 99999', '--live='])
    assert.throws(
      () => takeLive(words.split(' ')),
      /--live takes a number of seconds above 0 and up to 3600, not "/,
      words,
    )
})

test('a capture has its name when it is whole, is for its owner alone, and leaves an older one be when it breaks off', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-pcap-'))
  const path = join(folder, 'a.pcapng')
  try {
    writeFileSync(path, 'older')
    const broken = openPcap(path)
    broken.write(Buffer.from('new'))
    assert.equal(readFileSync(path, 'utf8'), 'older')
    broken.close()
    assert.deepEqual([readdirSync(folder), readFileSync(path, 'utf8')], [['a.pcapng'], 'older'])
    const whole = openPcap(path)
    whole.write(Buffer.from('ne'))
    whole.write(Buffer.from('w'))
    whole.finish()
    whole.close()
    assert.deepEqual([readFileSync(path, 'utf8'), statSync(path).mode & 0o777], ['new', 0o600])
    assert.deepEqual(readdirSync(folder), ['a.pcapng'])
    assert.throws(() => openPcap(join(folder, 'none', 'a')), /cannot be written: ENOENT: .* open '[^']*none\/a'$/)
    assert.ok(!existsSync(join(folder, 'none')))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a capture takes the place of no device, no pipe, no link and no directory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-pcap-'))
  const [pipe, link, target] = [join(folder, 'pipe'), join(folder, 'link'), join(folder, 'target')]
  try {
    execFileSync('mkfifo', [pipe])
    const read = spawn('cat', [pipe], { stdio: ['ignore', 'pipe', 'inherit'] })
    const heard = text(read.stdout)
    const through = openPcap(pipe)
    through.write(Buffer.from('packets'))
    through.finish()
    through.close()
    assert.equal(await heard, 'packets')
    assert.ok(statSync(pipe).isFIFO())

    writeFileSync(target, 'older')
    symlinkSync(target, link)
    const linked = openPcap(link)
    linked.write(Buffer.from('new'))
    linked.finish()
    linked.close()
    assert.deepEqual([lstatSync(link).isSymbolicLink(), readFileSync(target, 'utf8')], [true, 'new'])

    assert.throws(() => openPcap(folder), /it is a directory: name a file in it/)
    assert.throws(() => openPcap(''), /name a file, or - for standard output/)
    assert.deepEqual(readdirSync(folder).sort(), ['link', 'pipe', 'target'])
    const full = openPcap('/dev/full')
    assert.throws(() => full.write(Buffer.from('x')), /\/dev\/full cannot be written: ENOSPC/)
    full.close()
    assert.ok(statSync('/dev/full').isCharacterDevice())
  } finally {
    rmSync(folder, { recursive: true })
  }
})
