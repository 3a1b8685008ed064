import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ImageStore } from '../../src/image/store.ts'
import { tar } from '../../src/image/testing/tar.ts'
import { directory, file } from './machine-image.ts'
import { type ImageNode, makeImageNode } from './pod-image-world.ts'
import { declare } from '../../src/kernel/libc.ts'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'
import type { Container, Pod } from '../../src/api/objects/pod.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: ImageNode
before(async () => {
  leaveForOwnNetwork()
  world = await makeImageNode()
})
after(() => world[Symbol.asyncDispose]())

test('a container of an image has its files, and may write them without anybody seeing it', async () => {
  const { node } = world
  const image = await world.image({}, [file('hello', 'from the image\n'), directory('data')])
  const script = 'cat /hello; echo mine > /hello; echo new > /data/new; cat /hello /data/new; ls /'
  for (const name of ['one', 'two'])
    assert.match(
      await node.sh(name, script, { image }),
      /^from the image\nmine\nnew\nbin\ndata\ndev\netc\nhello\nhome\nlib(\nlib64)?\nproc\nsys\ntmp\nvar\n$/,
    )
  const pod = await node.client.get('Pod', 'one', 'default')
  const status = pod?.status?.containerStatuses?.[0]
  assert.deepEqual([status?.image, status?.imageID], [`docker.io/${image}`, world.store.find(image)?.id])
  for (const name of ['one', 'two']) await node.delete(name)
})

/** Runs a script in an image to its end, and removes the pod. */
async function sh(name: string, image: string, script: string, container: Partial<Container> = {}): Promise<string> {
  const out = await world.node.sh(name, script, { image, ...container })
  await world.node.delete(name)
  return out
}

test('a restarted container begins anew with the files of the image', async () => {
  const image = await world.image({}, [file('state', 'as built')])
  await world.node.run('again', {
    image,
    command: ['sh', '-c', 'cat /state > /tmp/before; echo changed > /state; sleep 1000'],
  })
  await world.node.ready('again')
  process.kill(world.node.pods.list()[0]?.containers[0]?.pid ?? 0, 'SIGKILL')
  await world.node.until('again', 'back', (pod) => {
    const one = pod?.status?.containerStatuses?.[0]
    return one?.restartCount === 1 && one.ready
  })
  const before = async (): Promise<string> => (await world.node.exec('again', ['cat', '/tmp/before'])).out
  while ((await before()) === '') await new Promise(setImmediate)
  assert.equal(await before(), 'as built')
  await world.node.delete('again')
})

test('command replaces ENTRYPOINT and drops CMD, args replaces CMD', async () => {
  const image = await world.image({ Entrypoint: ['sh', '-c', 'echo "$0" "$@"', 'entry'], Cmd: ['cmd', '$(HOME)'] })
  const rows: [Partial<Container>, string][] = [
    [{}, 'entry cmd $(HOME)'],
    [{ args: ['$(ONE)', 'b'] }, 'entry 1 b'],
    [{ args: [] }, 'entry cmd $(HOME)'],
    [{ command: ['sh', '-c', 'echo command "$@"'] }, 'command'],
    [{ command: ['sh', '-c', 'echo "$0" "$@"'], args: ['x', 'y'] }, 'x y'],
  ]
  for (const [row, [container, out]] of rows.entries()) {
    const name = `command-${row}`
    await world.node.run(name, { image, env: [{ name: 'ONE', value: '1' }], ...container }, { restartPolicy: 'Never' })
    assert.equal(await world.node.output(name), `${out}\n`)
    await world.node.delete(name)
  }
  const silent = await world.image({})
  await world.node.run('nothing', { image: silent })
  const pod = await world.node.until(
    'nothing',
    'refused',
    (one) => waiting(one)?.reason === 'CreateContainerConfigError',
  )
  assert.match(waiting(pod)?.message ?? '', /no command specified: the image has neither ENTRYPOINT nor CMD/)
  await world.node.delete('nothing')
})
const waiting = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting

test("the image's environment and directory are there under the pod's", async () => {
  const image = await world.image({ Env: ['A=image', 'B=$(A)', 'PATH=/opt:/bin', 'A=last'], WorkingDir: '/srv/app' })
  const script = 'echo $A $B $C $PATH $HOSTNAME $HOME; pwd'
  assert.equal(await sh('env', image, script), 'last $(A) /opt:/bin env /root\n/srv/app\n')
  const env = [
    { name: 'A', value: 'pod' },
    { name: 'C', value: '$(A) $(B)' },
    { name: 'HOME', value: '/tmp' },
  ]
  assert.equal(
    await sh('env2', image, script, { env, workingDir: '/made/here' }),
    'pod $(A) pod $(B) /opt:/bin env2 /tmp\n/made/here\n',
  )
  const plain = await world.image()
  assert.match(await sh('path', plain, 'echo $PATH'), /^\/usr\/local\/sbin:.*:\/bin\n$/)
})

test('an image may have as many layers as the store takes, and none', async () => {
  const layers = Array.from({ length: 120 }, (_, index) => tar([file(`layers/${index}`, ''), file('top', `${index}`)]))
  const image = await world.load(world.archive({}, layers, 'many:v1'), 'many:v1')
  assert.equal(await sh('many', image, 'cat /top; ls /layers | wc -l'), '119120\n')
  const empty = await world.load(world.archive({ Cmd: ['/app'] }, [], 'empty:v1', false), 'empty:v1')
  await world.node.run('empty', { image: empty }, { restartPolicy: 'Never' })
  const pod = await world.node.until('empty', 'over', (one) => one?.status?.phase === 'Failed')
  const { reason, message } = pod?.status?.containerStatuses?.[0]?.state?.terminated ?? {}
  assert.deepEqual([reason, message?.endsWith('no such file or directory')], ['StartError', true])
  await world.node.delete('empty')
})

test('what a container deletes and makes again is its own', async () => {
  const image = await world.image({}, [file('d/old', ''), file('d/e/deep', ''), file('f', 'old')])
  const script =
    'rm -r /d /f; ls /d /f 2>&1 | wc -l; mkdir /d; echo > /d/new; ls -A /d; mkdir /f; ls -A /f; rm -r /f; ls /f 2>&1'
  assert.match(await sh('again-made', image, script), /^2\nnew\nls: .*\n$/)
})

test('a container that fills its files gets ENOSPC, in bytes and in number', async () => {
  const image = await world.image()
  const script = `dd if=/dev/zero of=/full bs=1M count=600 2>&1 | grep -o 'No space left on device'
    rm /full; echo room > /again; cat /again; df -k --output=size,itotal / | tr -s ' ' | sed 's/^ //'`
  assert.equal(await sh('full', image, script), 'No space left on device\nroom\n1K-blocks Inodes\n524288 131072\n')
})

test('a store may lie where no program may run', async () => {
  const at = mkdtempSync(join(tmpdir(), 'kubehop-noexec-'))
  mountTmpfs(at, 'mode=700')
  const store = new ImageStore(join(at, 'images'))
  await using other = await makeImageNode({ images: { stores: [store.folder] } })
  try {
    remount('make a mount noexec', 'none', at, '', MS_REMOUNT | MS_BIND | MS_NOEXEC | MS_NOSUID, 0)
    await world.load(world.archive({}, [], 'noexec:v1'), 'noexec:v1', store)
    assert.equal(await other.node.sh('noexec', 'id -u', { image: 'noexec:v1' }), '0\n')
    await other.node.delete('noexec')
  } finally {
    unmount(at)
    rmSync(at, { recursive: true })
  }
})
const remount = declare<[string, string, string, number, number]>(
  'int mount(const char *, const char *, const char *, unsigned long, void *)',
)
const [MS_NOSUID, MS_NOEXEC, MS_REMOUNT, MS_BIND] = [2, 8, 32, 4096]

test('where the kernel refuses an overlay the container says so', async () => {
  const at = mkdtempSync(join(tmpdir(), 'kubehop-deep-'))
  mountTmpfs(at, 'mode=700')
  const mount = declare<[string, string, string, number, string]>(
    'int mount(const char *, const char *, const char *, unsigned long, const char *)',
  )
  // Overlays stand on each other twice; the store in the second one would be the third.
  for (const [index, below] of ['0', '1', '2'].entries()) {
    for (const name of ['m', 'u', 'w']) mkdirSync(join(at, `${index + 1}${name}`))
    if (index === 0) mkdirSync(join(at, '0m'))
    if (index === 2) continue
    const options = `lowerdir=${join(at, `${below}m`)},upperdir=${join(at, `${index + 1}u`)},workdir=${join(at, `${index + 1}w`)},userxattr`
    mount('mount an overlay', 'test', join(at, `${index + 1}m`), 'overlay', 0, options)
  }
  const store = new ImageStore(join(at, '2m', 'images'))
  await using other = await makeImageNode({ images: { stores: [store.folder] } })
  try {
    await world.load(world.archive({}, [], 'deep:v1'), 'deep:v1', store)
    await other.node.run('deep', { image: 'deep:v1', command: ['true'] }, { restartPolicy: 'Never' })
    const pod = await other.node.until('deep', 'refused', (one) => one?.status?.phase === 'Failed')
    const { message = '' } = pod?.status?.containerStatuses?.[0]?.state?.terminated ?? {}
    assert.match(message, /mount the image's layers: EINVAL.*refuses an overlay file system here/)
    await other.node.delete('deep')
  } finally {
    for (const name of ['2m', '1m', '']) unmount(join(at, name))
    rmSync(at, { recursive: true })
  }
})

test('terminals and shared processes are as with any container', async () => {
  const image = await world.image()
  await world.node.run(
    'terminal',
    { image, tty: true, command: ['sh', '-c', 'test -t 0 && echo terminal; test -c /dev/pts/0 && echo there'] },
    { restartPolicy: 'Never' },
  )
  assert.match(await world.node.output('terminal'), /^terminal\r?\nthere\r?\n$/)
  await world.node.delete('terminal')

  await world.node.run('shared', { image, command: ['sleep', '1000'] }, { shareProcessNamespace: true })
  await world.node.ready('shared')
  const seen = await world.node.exec('shared', [
    'sh',
    '-c',
    'cat /proc/1/cmdline /proc/*/cmdline 2>/dev/null | tr "\\0" "\\n"',
  ])
  assert.match(seen.out, /kubehop pause[^]*\nsleep\n1000\n/)
  const terminal = await world.node.pods.exec('default', 'shared', 'c', {
    command: ['sh', '-c', 'test -t 1 && echo yes'],
    tty: true,
  })
  let out = ''
  terminal.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  assert.equal(await terminal.exit, 0)
  assert.equal(out, 'yes\r\n')
  await world.node.delete('shared')
})
