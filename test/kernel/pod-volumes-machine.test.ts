import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Volume } from '../../src/api/objects/pod.ts'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'
import { makeVolumeWorld, type VolumeWorld } from './pod-volume-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: VolumeWorld
before(async () => {
  leaveForOwnNetwork()
  world = await makeVolumeWorld()
})
after(() => world[Symbol.asyncDispose]())

test('a hostPath is a place of this machine, of the type that was promised', async () => {
  writeFileSync(join(world.folder, 'file'), 'from here')
  assert.equal(
    await world.withVolume('hostfile', 'cat /v', { hostPath: { path: join(world.folder, 'file'), type: 'File' } }),
    'from here\n',
  )
  await world.withVolume('hostdir', 'echo written > /v/there', {
    hostPath: { path: join(world.folder, 'new'), type: 'DirectoryOrCreate' },
  })
  assert.equal(readFileSync(join(world.folder, 'new', 'there'), 'utf8'), 'written\n')
  assert.match(
    await world.refusal('nothere', { hostPath: { path: join(world.folder, 'absent'), type: 'Directory' } }),
    /FailedMount.*does not exist on this machine/,
  )
  assert.match(
    await world.refusal('nofile', { hostPath: { path: world.folder, type: 'File' } }),
    /FailedMount.*is not a file/,
  )
})

test('what the cluster keeps for itself cannot be reached through a hostPath', async () => {
  assert.match(
    await world.refusal('keys', { hostPath: { path: join(world.folder, 'keys') } }),
    /the cluster's own state/,
  )
  symlinkSync(join(world.folder, 'keys'), join(world.folder, 'link'))
  assert.match(
    await world.refusal('link', { hostPath: { path: join(world.folder, 'link') } }),
    /the cluster's own state/,
  )
  assert.equal(
    await world.withVolume('above', `ls -A /v/keys; ls -A ${world.folder}/keys`, { hostPath: { path: world.folder } }),
    '',
  )
  assert.match(
    await world.refusal('below', { hostPath: { path: world.folder } }, { subPath: 'keys' }),
    /the cluster's own state/,
  )
})

test('a subPath that a container turned into a link leads nowhere', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  await world.node.run(
    'escape',
    { command: ['sh', '-c', 'ls /w/x'], volumeMounts: [{ name: 'v', mountPath: '/w', subPath: 'out' }] },
    {
      restartPolicy: 'Never',
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ name: 'one', image: 'host', command: ['ln', '-s', world.folder, '/v/out'], volumeMounts }],
    },
  )
  const pod = await world.node.until('escape', 'failed', (one) => one?.status?.phase === 'Failed')
  assert.match(pod?.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '', /ELOOP/)
  await world.node.delete('escape')
  assert.equal(await world.withVolume('sub', 'echo a > /v/f; ls /v', { emptyDir: {} }, { subPath: 'new/deep' }), 'f\n')
})

test('what a subPath lacks is made as open as its volume, and the container has its usual umask', async () => {
  const modes = async (name: string, volume: Omit<Volume, 'name'>): Promise<string> => {
    const mounts = [
      { name: 'v', mountPath: '/v', subPath: 'new/deep' },
      { name: 'v', mountPath: '/whole' },
    ]
    const script = 'stat -c %a /whole /whole/new /v; umask'
    const out = await world.node.sh(name, script, { volumeMounts: mounts }, { volumes: [{ name: 'v', ...volume }] })
    await world.node.delete(name)
    return out.trim().split('\n').join(' ')
  }
  assert.equal(await modes('open-to-all', { emptyDir: {} }), '777 777 777 0022')
  const path = join(world.folder, 'shut')
  mkdirSync(path, { mode: 0o711 })
  assert.equal(await modes('shut', { hostPath: { path } }), '711 711 711 0022')
})

test('a subPath below a file is refused by name', async () => {
  const below = await world.refusal('below-file', { hostPath: { path: '/etc' } }, { subPath: 'passwd/deeper' })
  assert.match(below, /failed to prepare subPath "passwd\/deeper": .*not a directory/)
})

test('subPathExpr takes its parts from the variables of the container', async () => {
  const out = await world.node.sh(
    'expr',
    'echo here > /v/file; ls -d /w/*/*',
    {
      env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      volumeMounts: [
        { name: 'v', mountPath: '/v', subPathExpr: 'logs/$(POD)' },
        { name: 'v', mountPath: '/w' },
      ],
    },
    { volumes: [{ name: 'v', emptyDir: {} }] },
  )
  assert.equal(out, '/w/logs/expr\n')
  await world.node.delete('expr')
  const lacking = await world.refusal('expr-lacks', { emptyDir: {} }, { subPathExpr: '$(NOT_THERE)/x' })
  assert.match(lacking, /subPathExpr "\$\(NOT_THERE\)\/x" of the mount at \/v: missing value for NOT_THERE/)
  const out2 = await world.refusal('expr-out', { emptyDir: {} }, { subPathExpr: '../x' })
  assert.match(out2, /leaves its volume/)
})

test('a hostPath of each type is what it says, and is made where that is asked for', async () => {
  const at = (name: string): string => join(world.folder, name)
  await world.withVolume('make-file', 'echo written > /v', {
    hostPath: { path: at('made-file'), type: 'FileOrCreate' },
  })
  assert.equal(readFileSync(at('made-file'), 'utf8'), 'written\n')
  await world.withVolume('make-dir', 'echo again > /v/f', {
    hostPath: { path: at('a/b/c'), type: 'DirectoryOrCreate' },
  })
  assert.equal(readFileSync(at('a/b/c/f'), 'utf8'), 'again\n')
  const server = createServer().listen(at('socket'))
  await once(server, 'listening')
  try {
    assert.equal(
      await world.withVolume('socket', 'test -S /v && echo socket', {
        hostPath: { path: at('socket'), type: 'Socket' },
      }),
      'socket\n',
    )
  } finally {
    server.close()
  }
  const device = 'head -c 3 /v | od -An -tx1'
  assert.equal(
    await world.withVolume('device', device, { hostPath: { path: '/dev/zero', type: 'CharDevice' } }),
    ' 00 00 00\n',
  )
  const rows = {
    Socket: 'socket file',
    CharDevice: 'character device',
    BlockDevice: 'block device',
    Directory: 'directory',
  }
  for (const [type, say] of Object.entries(rows))
    assert.match(
      await world.refusal(`wrong-${type.toLowerCase()}`, { hostPath: { path: at('made-file'), type } }),
      new RegExp(`FailedMount.*hostPath type check failed: .*made-file is not a ${say}`),
    )
})

test('a volume that is read-only is so with everything that is mounted in it', async () => {
  const outer = mkdtempSync(join(world.folder, 'outer-'))
  mkdirSync(join(outer, 'inner'))
  mountTmpfs(join(outer, 'inner'), 'mode=777')
  try {
    const out = await world.withVolume(
      'recursive',
      'touch /v/x /v/inner/x 2>&1 | grep -c "Read-only file system"',
      { hostPath: { path: outer } },
      { readOnly: true },
    )
    assert.equal(out, '2\n')
  } finally {
    unmount(join(outer, 'inner'))
  }
})

test('a mount point may be missing in a directory that has mounts of its own', async () => {
  const directory = join(world.folder, 'mixed')
  mkdirSync(join(directory, 'mounted'), { recursive: true })
  writeFileSync(join(directory, 'file'), 'a file')
  symlinkSync('file', join(directory, 'link'))
  mountTmpfs(join(directory, 'mounted'), 'size=64k')
  try {
    writeFileSync(join(directory, 'mounted', 'inner'), 'inside')
    const mountPath = join(directory, 'new', 'place')
    const script = `cd ${directory}; ls; cat link mounted/inner; readlink link; echo x > new/place/y; touch z 2>&1`
    const out = await world.withVolume('mixed', script, { emptyDir: {} }, { mountPath })
    assert.match(out, /^file\nlink\nmounted\nnew\na fileinsidefile\ntouch: .*Read-only file system\n$/)
  } finally {
    unmount(join(directory, 'mounted'))
  }
})
