import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { tar } from '../testing/tar.ts'
import { parsePax } from './pax.ts'
import { readTar, type TarEntry } from './read.ts'

const formats = ['gnu', 'oldgnu', 'pax', 'ustar', 'v7'] as const
const isGnu = /GNU tar/.test(spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout ?? '')

for (const format of formats) {
  test(`what GNU tar writes as ${format} is read`, { skip: isGnu ? false : 'GNU tar is not here' }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-tar-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    // The old format has room for 99 bytes of a name, ustar for 255 with a slash at the right place.
    const name =
      format === 'v7' ? 'short' : format === 'ustar' ? `${'d'.repeat(50)}/${'e'.repeat(43)}` : 'ü'.repeat(120)
    mkdirSync(join(folder, name), { recursive: true })
    writeFileSync(join(folder, name, 'file'), 'body')
    linkSync(join(folder, name, 'file'), join(folder, name, 'hard'))
    symlinkSync(
      format === 'gnu' || format === 'pax' ? 'x'.repeat(150) : 'file',
      join(folder, name, 'soft-with-a-longer-name'),
    )
    utimesSync(join(folder, name, 'file'), 1e9, 1e9)
    const options = [`--format=${format}`, '--sort=name', '--owner=7', '--group=8', '--numeric-owner']
    const packed = execFileSync('tar', [...options, '-cf', '-', '-C', folder, name], { maxBuffer: 2 ** 24 })
    const seen = await entriesOf(packed)
    assert.deepEqual(
      seen.map(({ path, kind, uid, gid }) => [path, kind, uid, gid]),
      [
        [`${name}/`, 'directory', 7, 8],
        [`${name}/file`, 'file', 7, 8],
        [`${name}/hard`, 'hardlink', 7, 8],
        [`${name}/soft-with-a-longer-name`, 'symlink', 7, 8],
      ],
    )
    assert.deepEqual([seen[1]?.text, seen[1]?.mtime, seen[2]?.link], ['body', 1e9, `${name}/file`])
    assert.equal(seen[3]?.link, format === 'gnu' || format === 'pax' ? 'x'.repeat(150) : 'file')
  })
}

test('any name and any bytes come back, in pieces of any size', async () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }).filter((text) => !/[\0]|\/$/.test(text))
  const member = fc.record({ path: name, body: fc.uint8Array({ maxLength: 2000 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(member, { maxLength: 5 }), fc.integer({ min: 1, max: 3000 }), async (members, piece) => {
      const given = members.map(({ path, body }) => ({ path, body: Buffer.from(body), pax: { path } }))
      const seen = await entriesOf(tar(given.map((each) => ({ ...each, path: 'x', pax: { path: each.path } }))), piece)
      assert.deepEqual(
        seen.map(({ path, text }) => [path, text]),
        given.map(({ path, body }) => [path, body.toString('latin1')]),
      )
    }),
    { numRuns: 200 },
  )
})

test('numbers of any size: octal, and big-endian as GNU tar writes them', async () => {
  const archive = tar([{ path: 'x', uid: 0, mtime: 5 }])
  // -2 in 12 bytes, and 100,000,000 in 8.
  archive.set(Buffer.from('fffffffffffffffffffffffe', 'hex'), 136)
  archive.set(Buffer.from('8000000005f5e100', 'hex'), 108)
  const sum = archive.subarray(0, 512).fill(' ', 148, 156)
  archive.write(
    `${sum
      .reduce((all, byte) => all + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
    'latin1',
  )
  const [entry] = await entriesOf(archive)
  assert.deepEqual([entry?.mtime, entry?.uid], [-2, 1e8])
})

test('a shared extended header counts for all entries, an own one more', async () => {
  const records = '15 mtime=12345\n'
  const archive = tar([
    { path: 'all', type: 'g', body: records },
    { path: 'a' },
    { path: 'b', pax: { mtime: '7.5' } },
    { path: 'c' },
  ])
  const seen = await entriesOf(archive)
  assert.deepEqual(
    seen.map(({ path, mtime }) => [path, mtime]),
    [
      ['a', 12345],
      ['b', 7.5],
      ['c', 12345],
    ],
  )
})

test('records of an extended header have to say their length rightly', () => {
  assert.deepEqual(
    [...parsePax(Buffer.from('6 a=b\n7 cc=d\n'))],
    [
      ['a', 'b'],
      ['cc', 'd'],
    ],
  )
  for (const text of ['7 a=b\n', '5 a=b\n', 'a=b\n', '6 a_b\n', '06 a=b\n', '-6 a=b\n', '2 \n', '999999999 a=b\n', ' '])
    assert.throws(() => parsePax(Buffer.from(text)), { code: 'BadTar' }, text)
})

type Seen = Omit<TarEntry, 'body'> & { text: string }

async function entriesOf(archive: Buffer, piece = archive.length): Promise<Seen[]> {
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < archive.length; at += piece) yield archive.subarray(at, at + piece)
  }
  const seen: Seen[] = []
  for await (const { body, ...entry } of readTar(pieces())) {
    const chunks: Buffer[] = []
    for await (const chunk of body) chunks.push(chunk)
    seen.push({ ...entry, text: Buffer.concat(chunks).toString('latin1') })
    assert.equal(archive.toString('latin1', entry.offset, entry.offset + entry.size), seen.at(-1)?.text)
  }
  return seen
}
