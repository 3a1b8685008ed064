import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { type FileKind, type FileView, follow, hostRoot, imageRoot, planMounts, type Target } from './mountplan.ts'

/** A machine written down: a name with `->` is a link, one with a trailing `/` a directory, another a file. */
function machine(...entries: string[]): FileView {
  const kinds = new Map<string, FileKind>()
  const links = new Map<string, string>()
  for (const entry of entries) {
    const [path = '', to] = entry.split(' -> ')
    const whole = path.replace(/(.)\/$/, '$1')
    for (let up = posix.dirname(whole); up !== '/'; up = posix.dirname(up)) kinds.set(up, kinds.get(up) ?? 'directory')
    if (to !== undefined) links.set(whole, to)
    kinds.set(whole, to !== undefined ? 'link' : path.endsWith('/') ? 'directory' : 'file')
  }
  return {
    kind: (path) => kinds.get(path),
    readlink: (path) => links.get(path) ?? assert.fail(path),
  }
}

const debian = machine(
  '/usr/share/',
  '/usr/lib/',
  '/etc/passwd',
  '/etc/hosts',
  '/etc/resolv.conf -> ../run/systemd/resolve/stub-resolv.conf',
  '/lib -> usr/lib',
  '/var/run -> /run',
  '/var/lib/',
  '/home/',
  '/loop -> /loop',
  '/up -> ../../../../etc',
)
const directory = (path: string): Target => ({ path, kind: 'directory' })
const file = (path: string): Target => ({ path, kind: 'file' })

test('a target gets its place, and what is missing a layer', () => {
  const rows: [Target, string, boolean, string[]][] = [
    [directory('/home'), '/home', true, []],
    [file('/etc/hosts'), '/etc/hosts', true, []],
    [directory('/made/here'), '/made/here', true, []],
    [directory('/usr/share/nginx/html'), '/usr/share/nginx/html', true, ['/usr/share']],
    [file('/etc/nginx/nginx.conf'), '/etc/nginx/nginx.conf', true, ['/etc']],
    [file('/etc/hostname'), '/etc/hostname', true, ['/etc']],
    [directory('/lib/app'), '/usr/lib/app', true, ['/usr/lib']],
    [directory('/var/run/secrets/x'), '/run/secrets/x', false, []],
    [file('/etc/resolv.conf'), '/run/systemd/resolve/stub-resolv.conf', false, []],
    [directory('/tmp/a'), '/tmp/a', false, []],
    [directory('/dev/shm'), '/dev/shm', false, []],
    [directory('//var//lib/./x/'), '/var/lib/x', true, ['/var/lib']],
    [directory('/up/x'), '/etc/x', true, ['/etc']],
  ]
  for (const [target, path, early, layers] of rows)
    assert.deepEqual(
      planMounts([target], debian, hostRoot),
      { places: [{ path, kind: target.kind, early }], layers },
      target.path,
    )
})

test('a place inside an earlier target is made in it, whatever this machine has there', () => {
  const { places, layers } = planMounts(
    [directory('/home'), directory('/data'), directory('/data/in'), file('/home/x/y')],
    debian,
    hostRoot,
  )
  assert.deepEqual(
    places.map(({ path, early }) => [path, early]),
    [
      ['/home', true],
      ['/data', true],
      ['/data/in', false],
      ['/home/x/y', false],
    ],
  )
  assert.deepEqual(layers, [])
})

test('in the root of an image anything can be made, and links count inside it', () => {
  const image = machine(
    '/etc -> /real/etc',
    '/real/',
    '/var/run -> ../run',
    '/var/',
    '/proc -> /etc',
    '/d/hosts -> /x/y',
  )
  const rows: [Target, string][] = [
    [file('/etc/hosts'), '/real/etc/hosts'],
    [directory('/var/run/secrets/x'), '/run/secrets/x'],
    [directory('/tmp/a'), '/tmp/a'],
    [file('/d/hosts'), '/x/y'],
  ]
  for (const [target, path] of rows)
    assert.deepEqual(planMounts([target], image, imageRoot), {
      places: [{ path, kind: target.kind, early: true }],
      layers: [],
    })
  assert.throws(() => planMounts([file('/real')], image, imageRoot), { message: /\/real is a directory in the image/ })
  assert.throws(() => planMounts([directory('/proc/x')], image, imageRoot), { message: /in \/proc or \/sys/ })
})

test('a path is followed inside the root, whatever its links say', () => {
  const image = machine(
    '/etc/passwd',
    '/a -> ../../../etc',
    '/b/c -> ../a',
    '/loop -> loop',
    '/out -> /etc/../../etc/passwd',
  )
  const rows: [string, string | undefined][] = [
    ['/etc/passwd', '/etc/passwd'],
    ['/a/passwd', '/etc/passwd'],
    ['/b/c/passwd', '/etc/passwd'],
    ['/b/../../a/./passwd', '/etc/passwd'],
    ['/out', '/etc/passwd'],
    ['/loop/x', undefined],
    ['/etc/passwd/x', undefined],
    ['/etc/shadow', undefined],
  ]
  for (const [path, to] of rows) assert.equal(follow(path, image), to, path)
})

test('layers come outer ones first, each once', () => {
  const targets = ['/usr/share/a/b', '/usr/share/c', '/usr/local'].map(directory)
  assert.deepEqual(planMounts(targets, debian, hostRoot).layers, ['/usr', '/usr/share'])
})

test('what cannot be is refused with a reason', () => {
  const rows: [Target, RegExp][] = [
    [directory('/'), /over the root/],
    [directory('/proc'), /in \/proc or \/sys/],
    [directory('/sys/fs/x'), /in \/proc or \/sys/],
    [directory('/etc/passwd'), /\/etc\/passwd is a file/],
    [file('/home'), /\/home is a directory/],
    [directory('/etc/passwd/x'), /\/etc\/passwd is no directory/],
    [directory('/a/../b'), /no path to mount at/],
    [directory('/a\0b'), /no path to mount at/],
    [directory(`/${'a'.repeat(256)}`), /no path to mount at/],
    [directory('/loop/x'), /too many symbolic links/],
  ]
  for (const [target, message] of rows)
    assert.throws(
      () => planMounts([target], debian, hostRoot),
      { code: 'CreateContainerConfigError', message },
      target.path,
    )
})

test('no path leads out of the root, into /proc or into a loop', () => {
  const name = fc.constantFrom(
    'usr',
    'share',
    'etc',
    'lib',
    'var',
    'run',
    'up',
    '..',
    '.',
    '',
    'x',
    'loop',
    'proc',
    'tmp',
  )
  fc.assert(
    fc.property(fc.array(fc.array(name, { maxLength: 6 }), { maxLength: 5 }), (paths) => {
      const targets = paths.map((parts) => directory(`/${parts.join('/')}`))
      try {
        for (const { path } of planMounts(targets, debian, hostRoot).places) {
          assert.equal(posix.normalize(path), path)
          assert.doesNotMatch(path, /^\/(proc|sys)(\/|$)/)
          assert.notEqual(path, '/')
        }
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'CreateContainerConfigError')
      }
    }),
  )
})

test('in no image whatsoever does a path lead out, or through a link', () => {
  const name = fc.constantFrom('a', 'b', 'etc', 'proc', 'dev')
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`)
  const part = fc.constantFrom('a', 'b', 'etc', 'proc', '..', '.', '')
  const text = fc.tuple(fc.constantFrom('/', '', '../'), fc.array(part, { minLength: 1, maxLength: 5 }))
  const entry = fc.oneof(
    path.map((at) => `${at}/`),
    path,
    fc.tuple(path, text).map(([at, [start, parts]]) => `${at} -> ${start}${parts.join('/')}`),
  )
  const parents = (at: string): string[] => at.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'))
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 8 }), path, (entries, wanted) => {
      const image = machine(...entries)
      const led = follow(wanted, image)
      if (led !== undefined && led !== '/') {
        assert.equal(posix.normalize(led), led)
        assert.ok(image.kind(led) !== undefined)
        for (const at of parents(led)) assert.notEqual(image.kind(at), 'link')
      }
      try {
        const [place] = planMounts([directory(wanted)], image, imageRoot).places
        assert.equal(posix.normalize(place?.path ?? ''), place?.path)
        assert.doesNotMatch(place?.path ?? '', /^\/(proc|sys)(\/|$)/)
        // What the image has at /dev does not count: there it is another.
        if (place && !`${place.path}/`.startsWith('/dev/'))
          for (const at of parents(place.path)) assert.notEqual(image.kind(at), 'link')
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'CreateContainerConfigError')
      }
    }),
    { numRuns: 2000 },
  )
})
