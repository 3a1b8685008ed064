import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ImageStore } from '../image/store.ts'
import { dockerArchive, ociArchive } from '../image/testing/archive.ts'
import { serveRegistry } from '../image/testing/registry.ts'
import { tar } from '../image/testing/tar.ts'

const layer = tar([{ path: 'etc/motd', body: 'hello' }])
const main = join(import.meta.dirname, 'main.ts')
const busybox = ['/bin/busybox', '/usr/bin/busybox', ...globSync('.cache/debian-*/bin/busybox')].find((path) =>
  existsSync(path),
)

test('images are loaded, listed and removed, and nothing stays', async (t) => {
  const { kubehop, file, state } = place(t)
  assert.deepEqual(await kubehop('ls', '--json'), { code: 0, out: '[]\n', error: '' })
  assert.match((await kubehop('ls')).out, /kubehop image load FILE/)
  const archive = file(dockerArchive([layer], ['web', 'ghcr.io/me/web:2']))
  assert.deepEqual(await kubehop('load', archive), {
    code: 0,
    out:
      'loaded web:latest, ghcr.io/me/web:2, 5 B\n' +
      '  pods ask a registry for web:latest at each start, unless they say imagePullPolicy: IfNotPresent; with another tag than "latest" they need not\n',
    error: '',
  })
  assert.match((await kubehop('ls')).out, /^NAME +ID +SIZE +LOADED\nghcr.io\/me\/web:2 +sha256:.*\nweb:latest +sha256:/)
  const [listed] = JSON.parse((await kubehop('ls', '--json')).out) as Record<string, unknown>[]
  assert.deepEqual(
    [listed?.['names'], listed?.['bytes'], listed?.['layers']],
    [['docker.io/library/web:latest', 'ghcr.io/me/web:2'], 5, 1],
  )
  assert.match(
    (await kubehop('rm', 'web')).out,
    /^the name web is gone; the image is still called ghcr.io\/me\/web:2\n/,
  )
  assert.deepEqual((await kubehop('rm', 'web')).error, 'kubehop image: there is no image "web"\n')
  assert.equal((await kubehop('rm', 'ghcr.io/me/web:2')).out, 'image ghcr.io/me/web:2 is gone\n')
  assert.equal(existsSync(state), false)
})

test('an image is pulled with the credentials of docker login, and what comes is said', async (t) => {
  const { kubehop, folder, state } = place(t)
  const registry = await serveRegistry(t, {
    auth: { kind: 'token', users: ['me:secret', '<token>:x', 'helped:secret'] },
  })
  const { digest } = registry.push('team/web:1', [layer, tar([{ path: 'more' }])])
  const name = `${registry.host}/team/web:1`
  const config = (said: object): void => writeFileSync(join(folder, 'config.json'), JSON.stringify(said))
  const refused = await kubehop('pull', name)
  assert.deepEqual([refused.code, refused.out, existsSync(state)], [1, '', false])
  assert.match(refused.error, /does not give manifest team\/web:1 to who asks so/)

  config({ auths: { [registry.host]: { auth: Buffer.from('me:secret').toString('base64') } } })
  const pulled = await kubehop('pull', name)
  assert.deepEqual([pulled.code, pulled.out], [0, `pulled ${name}, 5 B\n`])
  const lines = pulled.error.trimEnd().split('\n')
  assert.match(lines[0] ?? '', new RegExp(`^  ${digest}: 2 layers, \\d+ B$`))
  assert.deepEqual(
    lines.slice(1).map((line) => /^ {2}layer (\d) of 2: \d+ B$/.exec(line)?.[1]),
    ['1', '2'],
  )
  assert.match((await kubehop('pull', name)).error, /layer 1 of 2: is there\n {2}layer 2 of 2: is there\n$/)
  await kubehop('rm', name)

  // A helper program, as Docker's desktop has one.
  const helper = join(folder, 'docker-credential-test')
  const answer = JSON.stringify({ Username: 'helped', Secret: 'secret' })
  writeFileSync(helper, `#!/bin/sh\n[ "$(cat)" = "${registry.host}" ] && echo '${answer}'\n`, { mode: 0o755 })
  config({ auths: { [registry.host]: {} }, credsStore: 'test' })
  assert.equal((await kubehop('pull', name)).code, 0)
  config({ credsStore: 'gone' })
  assert.match((await kubehop('pull', name)).error, /docker-credential-gone, .* gives none: it is not installed\n$/)
  writeFileSync(join(folder, 'config.json'), '{')
  assert.match((await kubehop('pull', name)).error, /config.json cannot be read: it is no JSON\n$/)
})

test('a registry without a certificate is asked when it is called insecure', async (t) => {
  const { kubehop } = place(t)
  const registry = await serveRegistry(t, { host: '0.0.0.0' })
  registry.push('web:1', [layer])
  const name = `${registry.host}/web:1`
  assert.match((await kubehop('pull', name)).error, /does not speak TLS/)
  assert.equal((await kubehop('pull', name, '--insecure')).out, `pulled ${name}, 5 B\n`)
})

test('commands that pull at the same time bring each layer once; one that is killed leaves nothing that stays', async (t) => {
  const { kubehop, start, state } = place(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer, tar([{ path: 'more' }])])
  const name = `${registry.host}/web:1`
  // The first one gets half a layer, and is killed; the others wait for it until then.
  const [begun, allAsk] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let manifests = 0
  registry.intercept = (_, response, path) => {
    if (path.includes('/manifests/') && ++manifests === 3) allAsk.resolve()
    if (!path.endsWith(blobs[0] ?? '') || registry.times(blobs[0] ?? '') > 1) return false
    response.writeHead(200)
    response.write('x')
    begun.resolve()
    return true
  }
  const killed = start('pull', name)
  await begun.promise
  const others = [kubehop('pull', name), kubehop('pull', name)]
  await allAsk.promise
  killed.kill('SIGKILL')
  for (const { code, error } of await Promise.all(others)) assert.equal(code, 0, error)
  assert.equal(registry.times(blobs[0] ?? ''), 2)
  // The killed one may have had this one, or not have come to it.
  assert.ok(registry.times(blobs[1] ?? '') <= 2)
  assert.deepEqual(readdirSync(join(state, '.images')).sort(), ['configs', 'images.json', 'layers'])
})

test('a pull that is interrupted cleans up', async (t) => {
  const { start, state } = place(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer])
  const child = start('pull', `${registry.host}/web:1`)
  registry.intercept = (_, response, path) => {
    if (!path.endsWith(blobs[0] ?? '')) return false
    response.writeHead(200)
    response.write('x')
    child.kill('SIGINT')
    return true
  }
  assert.deepEqual(await once(child, 'exit'), [130, null])
  assert.equal(existsSync(state), false)
})

test('an archive that is refused says why and leaves nothing', async (t) => {
  const { kubehop, file, state } = place(t)
  const archive = file(dockerArchive([tar([{ path: '../../etc/passwd' }])]))
  const { code, error } = await kubehop('load', archive)
  assert.equal(code, 1)
  assert.equal(error, 'kubehop image: layer 1 of 1: "../../etc/passwd" leads out of the image with ".."\n')
  assert.match((await kubehop('load', `${archive}.gone`)).error, /there is no file .*\.gone\n$/)
  assert.equal(existsSync(state), false)
})

test('what is asked wrongly ends with 2 and the usage', async (t) => {
  const { kubehop } = place(t)
  for (const args of [
    [],
    ['push'],
    ['load'],
    ['pull'],
    ['pull', 'a', 'b'],
    ['pull', 'A'],
    ['load', 'a', 'b'],
    ['rm'],
    ['ls', 'a'],
    ['load', 'a', '--name', 'A'],
  ]) {
    const { code, error } = await kubehop(...args)
    assert.deepEqual([code, error.includes('usage: kubehop image load FILE')], [2, true], args.join(' '))
    // What was wrong is not scrolled away by it.
    assert.ok(error.split('\n').length < 10, error)
    assert.match(error, /`kubehop help image` says more/)
  }
  assert.match(
    (await kubehop('load', 'a', 'b')).error,
    /^kubehop image: one archive at a time, and "b" is one too many/,
  )
})

test('a file that is no archive is named', async (t) => {
  const { kubehop, file } = place(t)
  const text = file(Buffer.from('to be done: write this\n'.repeat(50)))
  const { code, error } = await kubehop('load', text)
  assert.deepEqual([code, error.startsWith(`kubehop image: ${text}: `)], [1, true], error)
  assert.match(error, /this is no tar archive/)
})

test('an image that no pod can mean is warned of', async (t) => {
  const { kubehop, file } = place(t)
  const archive = file(dockerArchive([layer], ['host']))
  assert.match(
    (await kubehop('load', archive)).error,
    /^Warning: `image: host` in a pod means the files of this machine/,
  )
  assert.equal((await kubehop('load', archive, '--name', 'host:v1')).error, '')
})

test('an image without a name is given one', async (t) => {
  const { kubehop, file } = place(t)
  const archive = file(ociArchive([layer]))
  assert.match((await kubehop('load', archive)).out, /^loaded sha256:.* \(without a name: --name gives it one\)/)
  assert.match((await kubehop('load', archive, '--name', 'mine:3')).out, /^loaded mine:3,/)
})

test('commands at the same time wait for each other', async (t) => {
  const { kubehop, file } = place(t)
  const names = ['one', 'two', 'three']
  const done = await Promise.all(names.map((name) => kubehop('load', file(dockerArchive([layer], [name])))))
  assert.deepEqual(
    done.map(({ code, error }) => [code, error]),
    names.map(() => [0, '']),
  )
  const [image] = JSON.parse((await kubehop('ls', '--json')).out) as { names: string[] }[]
  assert.equal(image?.names.length, 3)
})

test('a store that others remove at that moment is made again', async (t) => {
  const { kubehop, file } = place(t)
  const turns = ['one', 'two', 'three'].map(async (name) => {
    const archive = file(dockerArchive([layer], [name]))
    for (let turn = 0; turn < 2; turn++) {
      assert.equal((await kubehop('load', archive)).error, '')
      assert.equal((await kubehop('rm', name)).error, '')
    }
  })
  await Promise.all(turns)
})

test('without the lab that is named there is nowhere to put images', async (t) => {
  const { kubehop, file, state } = place(t)
  const { code, error } = await kubehop('load', file(dockerArchive([layer])), '--lab', 'none')
  assert.deepEqual([code, error.includes('there is no lab "none"')], [1, true])
  assert.equal(existsSync(state), false)
})

test('an image that a container uses is gone, and its files stay with that', async (t) => {
  const { kubehop, file, state } = place(t)
  await kubehop('load', file(dockerArchive([layer])))
  const store = new ImageStore(join(state, '.images'))
  const [image] = store.list()
  assert.ok(image)
  const lease = store.use(image)
  assert.equal(
    (await kubehop('rm', 'test:1')).out,
    'image test:1 is gone; its files go with the containers that use them\n',
  )
  assert.match((await kubehop('ls')).out, /^no image is/)
  assert.ok(existsSync(store.lowerdirs(image)[0] ?? ''))
  lease[Symbol.dispose]()
  await store.collect()
  assert.deepEqual(readdirSync(state), [])
})

test('a lab does not see the images of all labs as a lab', async (t) => {
  const { kubehop, file, state, run } = place(t)
  mkdirSync(state)
  await kubehop('load', file(dockerArchive([layer])))
  assert.equal((await run('down', '--all')).out, 'no lab is there\n')
  assert.match((await kubehop('ls')).out, /test:1/)
})

test('busybox, packed as an image, comes out as it is', {
  skip: busybox ? false : 'busybox is not here',
}, async (t) => {
  const { kubehop, file, state } = place(t)
  const program = readFileSync(busybox ?? '')
  const applets = ['sh', 'ls', 'wget'].map((name) => ({ path: `bin/${name}`, type: '1', link: 'bin/busybox' }))
  const image = tar([
    { path: 'bin/', type: '5', mode: 0o755 },
    { path: 'bin/busybox', body: program, mode: 0o755 },
    ...applets,
    { path: 'usr/bin', type: '2', link: '../bin' },
  ])
  assert.equal((await kubehop('load', file(dockerArchive([image], ['busybox'])))).code, 0)
  const [folder = ''] = readdirSync(join(state, '.images/layers'))
  const root = join(state, '.images/layers', folder)
  assert.deepEqual(readdirSync(join(root, 'bin')).sort(), ['busybox', 'ls', 'sh', 'wget'])
  assert.ok(readFileSync(join(root, 'bin/wget')).equals(program))
})

interface Ended {
  code: number
  out: string
  error: string
}

function place(t: TestContext): {
  folder: string
  state: string
  start(...args: string[]): ChildProcess
  file(bytes: Buffer): string
  kubehop(...args: string[]): Promise<Ended>
  run(...args: string[]): Promise<Ended>
} {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-cli-image-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const state = join(folder, 'state')
  let files = 0
  const env = { ...process.env, KUBEHOP_STATE: state, DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` }
  const run = (...args: string[]): Promise<Ended> =>
    new Promise((resolve) => {
      execFile(process.execPath, [main, ...args], { env }, (failure, out, error) =>
        resolve({ code: Number(failure?.code ?? 0), out, error }),
      )
    })
  return {
    folder,
    state,
    run,
    start: (...args) => spawn(process.execPath, [main, 'image', ...args], { env, stdio: 'ignore' }),
    kubehop: (...args) => run('image', ...args),
    file(bytes) {
      const path = join(folder, `archive-${files++}.tar`)
      writeFileSync(path, bytes)
      return path
    },
  }
}
