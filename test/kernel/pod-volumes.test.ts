import assert from 'node:assert/strict'
import { existsSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'
import type { Volume } from '../../src/api/objects/pod.ts'
import { makeVolumeWorld, type VolumeWorld, waiting } from './pod-volume-world.ts'
import { leaveForOwnNetwork, makeNode } from './pod-world.ts'

let world: VolumeWorld
before(async () => {
  leaveForOwnNetwork()
  world = await makeVolumeWorld()
})
after(() => world[Symbol.asyncDispose]())

test('an emptyDir is shared by the containers of a pod, outlives them, and goes with the pod', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/data/deep' }]
  await world.node.run(
    'empty',
    {},
    {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'c',
          image: 'host',
          command: ['sh', '-c', 'date >> /data/deep/log; touch /tmp/up; sleep 1000'],
          readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] } },
          volumeMounts,
        },
        {
          name: 'd',
          image: 'host',
          command: ['sleep', '1000'],
          volumeMounts: [{ name: 'v', mountPath: '/data/deep', readOnly: true }],
        },
      ],
    },
  )
  await world.node.ready('empty')
  process.kill(world.node.pods.list()[0]?.containers[0]?.pid ?? 0, 'SIGKILL')
  await world.node.until(
    'empty',
    'back',
    (pod) => pod?.status?.containerStatuses?.[0]?.restartCount === 1 && pod.status.containerStatuses[0].ready,
  )
  assert.match((await world.node.exec('empty', ['wc', '-l', '/data/deep/log'], 'd')).out, /^2 /)
  assert.match((await world.node.exec('empty', ['touch', '/data/deep/x'], 'd')).err, /Read-only file system/)
  await world.node.delete('empty')
})

test('an emptyDir in memory is a tmpfs of its size', async () => {
  const out = await world.withVolume('memory', 'stat -f -c %T /v; df -k --output=size /v | tail -1; stat -c %a /v', {
    emptyDir: { medium: 'Memory', sizeLimit: '64Mi' },
  })
  assert.match(out, /^tmpfs\n +65536\n777\n$/)
})

test('a mount point may be missing anywhere on this machine', async () => {
  for (const mountPath of [
    '/made/here',
    '/usr/share/kubehop/html',
    '/etc/nginx/conf.d',
    '/var/run/app',
    '/tmp/in/tmp',
    '/dev/shm',
    '/srv/app',
  ]) {
    const out = await world.withVolume(
      `at${mountPath.replaceAll('/', '-')}`,
      `echo x > ${mountPath}/f && cat ${mountPath}/f; ls /usr/share /etc | wc -l; touch /etc/x /usr/x 2>/dev/null && echo wrote`,
      { emptyDir: {} },
      { mountPath },
    )
    const [first, entries, ...rest] = out.split('\n')
    assert.equal(first, 'x', mountPath)
    assert.ok(Number(entries) > 20, mountPath)
    assert.deepEqual(rest, [''], mountPath)
    assert.equal(existsSync(mountPath) && mountPath.includes('kubehop'), false)
  }
})

test('a directory over a file, a place in /proc and the root itself are refused', async () => {
  assert.match(
    await world.refusal('file', { emptyDir: {} }, { mountPath: '/etc/passwd' }),
    /mount at \/etc\/passwd.*is a file on this machine/,
  )
  assert.match(
    await world.refusal('proc', { emptyDir: {} }, { mountPath: '/proc/x' }),
    /nothing can be mounted in \/proc or \/sys/,
  )
  assert.match(await world.refusal('root', { emptyDir: {} }, { mountPath: '/' }), /over the root itself/)
  assert.match(await world.refusal('dots', { emptyDir: {} }, { mountPath: '/a/../../etc' }), /no path to mount at/)
})

test('a volume may lie inside another', async () => {
  await world.node.client.create('ConfigMap', { metadata: { name: 'nested', namespace: 'default' }, data: { k: 'v' } })
  const volumeMounts = [
    { name: 'inner', mountPath: '/a/b' },
    { name: 'outer', mountPath: '/a' },
  ]
  const volumes = [
    { name: 'outer', emptyDir: {} },
    { name: 'inner', configMap: { name: 'nested' } },
  ]
  assert.equal(
    await world.node.sh('nested', 'ls /a /a/b; cat /a/b/k', { volumeMounts }, { volumes }),
    '/a:\nb\n\n/a/b:\nk\nv\n',
  )
  await world.node.delete('nested')
})

test('what cannot be mounted is told by an event and by what the container waits for', async () => {
  await world.node.run(
    'claims',
    { command: ['true'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } } as unknown as Volume] },
  )
  const say =
    /MountVolume\.SetUp failed for volume "v" : volumes of type persistentVolumeClaim are not supported; there are emptyDir,/
  const pod = await world.node.until('claims', 'refused', (one) => say.test(waiting(one)?.message ?? ''))
  assert.equal(waiting(pod)?.reason, 'ContainerCreating')
  assert.match((await world.node.events('claims')).join('\n'), new RegExp(`Warning FailedMount: ${say.source}`))
  await world.node.delete('claims')
})

test('an emptyDir is kept to its size where the node has it in memory', async () => {
  const memory = mkdtempSync(join(world.folder, 'memory-'))
  mountTmpfs(memory, 'mode=700')
  try {
    await using other = await makeNode({ stateDir: memory })
    const out = await other.sh(
      'sized',
      'head -c 2M /dev/zero 2>&1 > /v/f | sed "s/.*: //"; wc -c < /v/f',
      { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
      { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Mi' } }] },
    )
    assert.equal(out, 'No space left on device\n1048576\n')
    assert.doesNotMatch((await other.events('sized')).join('\n'), /Unsupported/)
    await other.delete('sized')
  } finally {
    unmount(memory)
  }
})

test("with readOnlyRootFilesystem only volumes can be written, with this machine's files, too", async () => {
  const script = `for at in / /tmp /run /var/run /etc /tmp/deep/v /dev/shm; do echo > $at/x && echo $at; done 2> /dev/null`
  const written = async (name: string, mountPath: string, readOnlyRootFilesystem: boolean): Promise<string[]> => {
    const container = { securityContext: { readOnlyRootFilesystem }, volumeMounts: [{ name: 'v', mountPath }] }
    const text = await world.node.sh(name, `${script}; true`, container, { volumes: [{ name: 'v', emptyDir: {} }] })
    return text.split('\n').filter((path) => path !== '' && path !== '/var/run')
  }
  assert.deepEqual(await written('sealed', '/tmp/deep/v', true), ['/tmp/deep/v', '/dev/shm'])
  assert.deepEqual(await written('sealed-tmp', '/tmp', true), ['/tmp', '/dev/shm'])
  assert.deepEqual(await written('open', '/tmp/deep/v', false), ['/tmp', '/run', '/tmp/deep/v', '/dev/shm'])
})
