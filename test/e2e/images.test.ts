// Containers of images in whole labs: loaded, run, asked, removed while they run. By root, and as an ordinary user would.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { dockerArchive } from '../../src/image/testing/archive.ts'
import { tar } from '../../src/image/testing/tar.ts'
import { type Config, file, files, programs } from '../kernel/machine-image.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('images', '--nodes', '2')
})
after(() => lab.down())

const config: Config = {
  Entrypoint: ['sh', '-c', 'trap "exit 0" TERM; echo "$GREETING from $0"; while :; do sleep 0.1; done'],
  Cmd: ['the image'],
  Env: ['GREETING=hello'],
}

function archive(name: string, folder: string): string {
  const path = join(folder, 'archive.tar')
  const layers = [tar([...files, ...programs()]), tar([file('motd', `this is ${name}\n`)])]
  writeFileSync(path, dockerArchive(layers, [name], { config }))
  return path
}

async function ok(result: Promise<{ code: number; out: string; err: string }>): Promise<string> {
  const { code, out, err } = await result
  assert.equal(code, 0, `${out}\n${err}`)
  return out
}

const phase = async (name: string): Promise<string> => (await lab.json<Pod>('get', 'pod', name)).status?.phase ?? ''

test('an image is loaded, runs, is asked, and is removed while it runs', async () => {
  assert.match(await ok(lab.kubehop('image', 'load', archive('web:v1', lab.folder))), /loaded web:v1/)
  await ok(lab.kubectl('run', 'web', '--image=web:v1'))
  await ok(lab.kubectl('wait', 'pod/web', '--for=condition=Ready', '--timeout=30s'))
  assert.equal(await ok(lab.kubectl('logs', 'web')), 'hello from the image\n')
  assert.equal(await ok(lab.kubectl('exec', 'web', '--', 'cat', '/motd')), 'this is web:v1\n')
  const described = await ok(lab.kubectl('describe', 'pod', 'web'))
  assert.match(described, /Image ID: +sha256:[0-9a-f]{64}/)
  assert.match(described, /Container image "web:v1" already present on machine/)

  assert.match(await ok(lab.kubehop('image', 'rm', 'web:v1')), /web:v1/)
  assert.equal(await ok(lab.kubectl('exec', 'web', '--', 'cat', '/motd')), 'this is web:v1\n')
  await ok(lab.kubectl('run', 'late', '--image=web:v1'))
  await lab.until(
    'refused',
    () => ok(lab.kubectl('describe', 'pod', 'late')),
    (text) => /kubehop image load FILE/.test(text),
  )
  assert.equal(await phase('late'), 'Pending')
  await ok(lab.kubectl('delete', 'pod', 'web', '--wait'))
})

test('an image of the lab alone starts a pod that waits for it, and goes with the lab', async () => {
  await ok(lab.kubectl('run', 'own', '--image=own:v1'))
  await lab.until(
    'waiting',
    () => ok(lab.kubectl('get', 'pod', 'own')),
    (text) => /ErrImagePull|ImagePullBackOff/.test(text),
  )
  await ok(lab.kubehop('image', 'load', archive('own:v1', lab.folder), '--lab', lab.name))
  await ok(lab.kubectl('wait', 'pod/own', '--for=condition=Ready', '--timeout=30s'))
  assert.doesNotMatch(await ok(lab.kubehop('image', 'ls')), /own/)
})

/** `nobody`: every system has that number. */
const uid = 65534
const main = resolve('src/cli/main.ts')

test('an ordinary user runs an image', { skip: process.getuid?.() !== 0 && 'these tests run as one already' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'kh-user-'))
  const image = archive('mine:v1', folder)
  spawnSync('chown', ['-R', String(uid), folder])
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, KUBEHOP_STATE: join(folder, 'state') }
  const say = (program: string, ...args: string[]): string => {
    const options = { uid, gid: uid, env, encoding: 'utf8', timeout: 120_000 } as const
    const { status, stdout, stderr } = spawnSync(program, args, options)
    assert.equal(status, 0, `${args.join(' ')}\n${stdout}\n${stderr}`)
    return stdout
  }
  const kubehop = (...args: string[]): string => say(process.execPath, main, ...args)
  const kubectl = (...args: string[]): string =>
    say(process.env['KUBECTL'] ?? 'kubectl', '--kubeconfig', kubehop('kubeconfig', 'user').trim(), ...args)
  try {
    kubehop('image', 'load', image)
    kubehop('up', 'user')
    kubectl('run', 'mine', '--image=mine:v1')
    kubectl('wait', 'pod/mine', '--for=condition=Ready', '--timeout=30s')
    assert.equal(
      kubectl('exec', 'mine', '--', 'sh', '-c', 'rm -r /home; mkdir /home; ls /home; id -u; cat /motd'),
      '0\nthis is mine:v1\n',
    )
    assert.equal(kubectl('logs', 'mine'), 'hello from the image\n')
    kubehop('image', 'rm', 'mine:v1')
  } finally {
    kubehop('down', 'user')
    // The image was used to the end, and nobody wants it any more.
    assert.equal(existsSync(env.KUBEHOP_STATE), false)
    rmSync(folder, { recursive: true })
  }
})
