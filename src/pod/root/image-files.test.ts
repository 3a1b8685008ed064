import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { makeWhiteout } from '../../kernel/whiteout.ts'
import { ImageFiles } from './image-files.ts'

test('files are read from the layers that show them, and links never lead out of the image', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-files-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const at = (path: string): string => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    return join(folder, path)
  }
  writeFileSync(at('outside'), 'secret\n')
  writeFileSync(at('low/etc/passwd'), 'old\n')
  writeFileSync(at('low/etc/gone'), 'gone\n')
  writeFileSync(at('low/real/group'), 'one\ntwo\nthree')
  writeFileSync(at('top/etc/passwd'), 'new\n')
  makeWhiteout(at('top/etc/gone'))
  symlinkSync('/real/group', at('top/etc/group'))
  symlinkSync(join(folder, 'outside'), at('top/etc/out'))
  symlinkSync('../../../outside', at('top/etc/up'))
  const files = new ImageFiles([join(folder, 'low'), join(folder, 'top')])
  const rows: [string, number, string | undefined][] = [
    ['/etc/passwd', 100, 'new\n'],
    ['/etc/gone', 100, undefined],
    ['/etc/group', 100, 'one\ntwo\nthree'],
    ['/etc/group', 10, 'one\ntwo\n'],
    ['/etc/group', 2, ''],
    ['/etc/out', 100, undefined],
    ['/etc/up', 100, undefined],
    ['/etc', 100, undefined],
  ]
  for (const [path, bytes, text] of rows) assert.equal(files.lines(path, bytes), text, `${path} ${bytes}`)
})
