import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { KubehopError } from '../base/errors.ts'
import { usualLimits } from './limits.ts'
import { dockerArchive, dockerMembers, ociArchive } from './testing/archive.ts'
import { world } from './testing/store.ts'
import { type Member, tar } from './testing/tar.ts'

const long = 'n'.repeat(256)
const plain = tar([{ path: 'a', body: 'a' }])

interface Row {
  about: string
  code: string
  /** What the message has to name. */
  says: string | RegExp
}

const layers: (Row & { members: Member[]; above?: boolean })[] = [
  { about: 'an absolute path', code: 'LeadsOut', says: '"/etc/passwd"', members: [{ path: '/etc/passwd' }] },
  { about: 'a path with ..', code: 'LeadsOut', says: '"a/../../b"', members: [{ path: 'a/../../b' }] },
  { about: 'a path with .. that stays inside', code: 'LeadsOut', says: '"a/../b"', members: [{ path: 'a/../b' }] },
  { about: '.. alone', code: 'LeadsOut', says: '".."', members: [{ path: '..', type: '5' }] },
  { about: 'a link that leads out', code: 'LeadsOut', says: /"a\/l".*"..\/..\/x"/, members: [link('a/l', '../../x')] },
  { about: 'a link that leads out late', code: 'LeadsOut', says: '"l"', members: [link('l', 'a/b/../../../x')] },
  { about: 'a link to nothing', code: 'BadName', says: '"l"', members: [link('l', '')] },
  {
    about: 'a link with NUL',
    code: 'BadName',
    says: '"l"',
    members: [{ ...link('l', 'x'), pax: { linkpath: 'x\0y' } }],
  },
  {
    about: 'a file through a link',
    code: 'LeadsOut',
    says: /"l\/passwd".*"l"/,
    members: [link('l', '/etc'), { path: 'l/passwd' }],
  },
  {
    about: 'a directory through a link',
    code: 'LeadsOut',
    says: '"l/d/"',
    members: [link('l', 'x'), { path: 'l/d/', type: '5' }],
  },
  {
    about: 'a directory in the place of a link',
    code: 'Duplicate',
    says: '"l/"',
    members: [link('l', '/'), { path: 'l/', type: '5' }],
  },
  { about: 'a file in the place of a link', code: 'Duplicate', says: '"l"', members: [link('l', '/x'), { path: 'l' }] },
  { about: 'a hard link out', code: 'LeadsOut', says: /"h".*"\/etc\/shadow"/, members: [hard('h', '/etc/shadow')] },
  { about: 'a hard link out with ..', code: 'LeadsOut', says: '"h"', members: [hard('h', '../x')] },
  {
    about: 'a hard link through a link',
    code: 'LeadsOut',
    says: '"h"',
    members: [link('l', '/etc'), hard('h', 'l/shadow')],
  },
  { about: 'a hard link to nothing', code: 'BadLink', says: /"h".*"x"/, members: [hard('h', 'x')] },
  {
    about: 'a hard link to a directory',
    code: 'BadLink',
    says: '"h"',
    members: [{ path: 'd', type: '5' }, hard('h', 'd')],
  },
  { about: 'a hard link to itself', code: 'BadLink', says: '"h"', members: [hard('h', 'h')] },
  { about: 'a character device', code: 'Device', says: '"dev/null"', members: [{ path: 'dev/null', type: '3' }] },
  { about: 'a block device', code: 'Device', says: '"sda"', members: [{ path: 'sda', type: '4' }] },
  { about: 'a pipe', code: 'Device', says: '"p"', members: [{ path: 'p', type: '6' }] },
  { about: 'an unknown type', code: 'BadTar', says: '"x"', members: [{ path: 'x', type: 'Z' }] },
  { about: 'an old sparse file', code: 'Sparse', says: '"s"', members: [{ path: 's', type: 'S' }] },
  {
    about: 'a sparse file',
    code: 'Sparse',
    says: '"s"',
    members: [{ path: 's', pax: { 'GNU.sparse.realsize': '9999999999' } }],
  },
  {
    about: 'a size beyond all',
    code: 'TooLarge',
    says: '"big"',
    members: [{ path: 'big', pax: { size: '999999999999' } }],
  },
  { about: 'a size beyond the archive', code: 'Truncated', says: '"big"', members: [{ path: 'big', size: 100_000 }] },
  { about: 'a size that is none', code: 'BadTar', says: '"x"', members: [{ path: 'x', pax: { size: '-5' } }] },
  {
    about: 'an owner that cannot be',
    code: 'BadTar',
    says: '"x"',
    members: [{ path: 'x', pax: { uid: '4294967295' } }],
  },
  {
    about: 'a huge extended header',
    code: 'TooLarge',
    says: 'extended',
    members: [{ path: 'x', type: 'x', size: 2 ** 30 }],
  },
  {
    about: 'an extended header of nonsense',
    code: 'BadTar',
    says: 'extended',
    members: [{ path: 'x', type: 'x', body: '99 a=b\n' }],
  },
  { about: 'a name with NUL', code: 'BadName', says: 'a\\u0000b', members: [{ path: 'x', pax: { path: 'a\0b' } }] },
  { about: 'a long name', code: 'BadName', says: 'nnn', members: [{ path: long }] },
  { about: 'a long path', code: 'BadName', says: 'd/d/', members: [{ path: 'd/'.repeat(2048) }] },
  { about: 'a name without one', code: 'BadName', says: '"./"', members: [{ path: './', type: '2', link: 'x' }] },
  { about: 'a file twice', code: 'Duplicate', says: '"./a"', members: [{ path: 'a' }, { path: './a' }] },
  { about: 'a file where a directory is', code: 'Duplicate', says: '"a"', members: [{ path: 'a/b' }, { path: 'a' }] },
  { about: 'a file in a file', code: 'NotDirectory', says: /"a\/b".*"a"/, members: [{ path: 'a' }, { path: 'a/b' }] },
  { about: 'a whiteout of ..', code: 'LeadsOut', says: '"a/.wh..."', members: [{ path: 'a/.wh...' }] },
  { about: 'a whiteout of nothing', code: 'LeadsOut', says: '".wh."', members: [{ path: '.wh.' }] },
  { about: 'a file in a whiteout', code: 'BadName', says: '".wh.a/b"', members: [{ path: '.wh.a/b' }] },
  {
    about: 'a whiteout through a link',
    code: 'LeadsOut',
    says: '"l/.wh.a"',
    members: [link('l', '/'), { path: 'l/.wh.a' }],
  },
  {
    about: 'a file through a link below',
    code: 'LeadsOut',
    says: '"loop/a"',
    members: [{ path: 'loop/a' }],
    above: true,
  },
  {
    about: 'a file in a file below',
    code: 'NotDirectory',
    says: '"file/a"',
    members: [{ path: 'file/a' }],
    above: true,
  },
]

for (const { about, code, says, members, above } of layers) {
  test(`a layer with ${about} is refused, and nothing stays`, async (t) => {
    const below = tar([link('loop', 'loop'), { path: 'file' }])
    const all = above ? [below, tar(members)] : [tar(members)]
    await refused(t, dockerArchive(all), { about, code, says })
  })
}

const archives: (Row & { bytes: Buffer })[] = [
  { about: 'no archive', code: 'BadTar', says: 'no tar archive', bytes: Buffer.alloc(2048, 'text ') },
  { about: 'an empty file', code: 'NoImage', says: 'docker save', bytes: Buffer.alloc(0) },
  { about: 'a tar archive of something else', code: 'NoImage', says: 'no image', bytes: plain },
  {
    about: 'a truncated gzip',
    code: 'Truncated',
    says: 'cut short',
    bytes: gzipSync(dockerArchive([plain])).subarray(0, -20),
  },
  { about: 'a damaged gzip', code: 'Damaged', says: 'damaged', bytes: damaged(gzipSync(dockerArchive([plain]))) },
  { about: 'a truncated tar', code: 'Truncated', says: 'cut short', bytes: dockerArchive([plain]).subarray(0, 1700) },
  {
    about: 'a truncated layer',
    code: 'Truncated',
    says: 'layer 1 of 1',
    bytes: dockerArchive([gzipSync(plain).subarray(0, -9)]),
  },
  { about: 'a file of an archive twice', code: 'Duplicate', says: '"a"', bytes: tar([{ path: 'a' }, { path: 'a' }]) },
  { about: 'an archive with ..', code: 'LeadsOut', says: '"../a"', bytes: tar([{ path: '../a' }]) },
  { about: 'an archive with a link out', code: 'LeadsOut', says: '"a"', bytes: tar([link('a', '../b')]) },
  { about: 'an archive with a device', code: 'Device', says: '"a"', bytes: tar([{ path: 'a', type: '3' }]) },
  { about: 'a layer that is another', code: 'BadDigest', says: 'layer 1 of 1', bytes: swapped() },
  {
    about: 'an OCI layer that is another',
    code: 'BadDigest',
    says: 'blobs/sha256/',
    bytes: ociArchive([plain], { spoil: 'layer' }),
  },
  {
    about: 'an OCI configuration that is another',
    code: 'BadDigest',
    says: 'blobs/',
    bytes: ociArchive([plain], { spoil: 'config' }),
  },
  {
    about: 'an OCI manifest that is another',
    code: 'BadDigest',
    says: 'blobs/',
    bytes: ociArchive([plain], { spoil: 'manifest' }),
  },
  { about: 'a layer missing', code: 'Missing', says: '"0/layer.tar"', bytes: without('0/layer.tar') },
  { about: 'a name that is none', code: 'BadName', says: '"UPPER"', bytes: dockerArchive([plain], ['UPPER']) },
  {
    about: 'another processor',
    code: 'WrongPlatform',
    says: 's390x',
    bytes: dockerArchive([plain], null, { architecture: 's390x' }),
  },
  {
    about: 'more digests than layers',
    code: 'BadJson',
    says: '1 layers',
    bytes: dockerArchive([plain], null, { rootfs: { diff_ids: [] } }),
  },
  {
    about: 'a manifest that is no JSON',
    code: 'BadJson',
    says: 'manifest.json',
    bytes: tar([{ path: 'manifest.json', body: '{' }]),
  },
  {
    about: 'a manifest of something else',
    code: 'BadJson',
    says: 'manifest.json',
    bytes: tar([{ path: 'manifest.json', body: '{}' }]),
  },
  {
    about: 'a manifest that leads out',
    code: 'LeadsOut',
    says: '"../x"',
    bytes: tar([{ path: 'manifest.json', body: '[{"Config":"../x"}]' }]),
  },
]

for (const row of archives) {
  test(`${row.about} is refused, and nothing stays`, (t) => refused(t, row.bytes, row))
}

test('bombs are stopped: files, bytes, layers, ratio', async (t) => {
  const many = tar(Array.from({ length: 20 }, (_, index) => ({ path: `f${index}` })))
  const zeros = tar([{ path: 'zeros', body: Buffer.alloc(4_000_000) }])
  const rows: [Partial<typeof usualLimits>, Buffer, string][] = [
    [{ entries: 19 }, dockerArchive([many]), '19 files'],
    [{ bytes: 3_000_000 }, dockerArchive([zeros]), '"zeros"'],
    [{ bytes: 3_000_000 }, gzipSync(dockerArchive([zeros])), '3000000 bytes'],
    [{ layers: 2 }, dockerArchive([plain, many, zeros]), '3 layers'],
    [{ ratioFrom: 1_000_000 }, ociArchive([zeros]), '200 times'],
    [{ ratioFrom: 1_000_000 }, gzipSync(dockerArchive([zeros])), '200 times'],
  ]
  for (const [limits, bytes, says] of rows)
    await refused(t, bytes, { about: '', code: 'TooLarge', says }, { ...usualLimits, ...limits })
})

test('an archive that is refused leaves a store as it was', async (t) => {
  const { store, file } = world(t)
  await store.load(file(dockerArchive([plain])))
  const [before, layersBefore] = [store.list(), readdirSync(`${store.folder}/layers`)]
  const bad = tar([{ path: 'sda', type: '4' }])
  await assert.rejects(store.load(file(dockerArchive([plain, tar([{ path: 'good' }]), bad]))), { code: 'Device' })
  assert.deepEqual(store.list(), before)
  assert.deepEqual(readdirSync(`${store.folder}/layers`), layersBefore)
  assert.deepEqual(readdirSync(store.folder).sort(), ['configs', 'images.json', 'layers'])
})

async function refused(
  t: { after: (body: () => void) => void },
  bytes: Buffer,
  { code, says }: Row,
  limits = usualLimits,
): Promise<void> {
  const { store, file, folder } = world(t)
  const path = file(bytes)
  const error = await store.load(path, { limits }).then(
    () => assert.fail('it was taken'),
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof KubehopError, String((error as Error).stack))
  assert.equal(error.code, code, error.message)
  if (typeof says === 'string') assert.ok(error.message.includes(says), error.message)
  else assert.match(error.message, says)
  assert.equal(existsSync(store.folder), false)
  assert.deepEqual(readdirSync(folder), ['archive-0'])
}

function link(path: string, to: string): Member {
  return { path, type: '2', link: to }
}

function hard(path: string, to: string): Member {
  return { path, type: '1', link: to }
}

function damaged(bytes: Buffer): Buffer {
  bytes[40] = (bytes[40] ?? 0) ^ 0xff
  return bytes
}

function swapped(): Buffer {
  const other = tar([{ path: 'a', body: 'b' }])
  return tar(
    dockerMembers([plain], null).map((each) => (each.path === '0/layer.tar' ? { ...each, body: other } : each)),
  )
}

function without(path: string): Buffer {
  return tar(dockerMembers([plain], null).filter((each) => each.path !== path))
}
