import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'
import type { Pod, Volume, VolumeMount } from '../../src/api/objects/pod.ts'
import { readIdMap } from '../../src/pod/container/identity.ts'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
const folder = mkdtempSync(join(realpathSync('/var/tmp'), 'kubehop-volumes-'))
before(async () => {
  leaveForOwnNetwork()
  mkdirSync(join(folder, 'keys'))
  writeFileSync(join(folder, 'keys', 'ca.key'), 'secret')
  node = await makeNode({ images: { host: { mask: [join(folder, 'keys')] } } })
})
after(async () => {
  await node[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** Runs a script to its end with one volume mounted. */
async function withVolume(
  name: string,
  script: string,
  volume: Omit<Volume, 'name'>,
  mount: Partial<VolumeMount> = {},
): Promise<string> {
  const out = await node.sh(
    name,
    script,
    { volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
    { volumes: [{ name: 'v', ...volume }] },
  )
  await node.delete(name)
  return out
}
const waiting = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting
/** The volume's refusal, as a container's reason or as an event. */
async function refusal(name: string, volume: Omit<Volume, 'name'>, mount: Partial<VolumeMount> = {}): Promise<string> {
  await node.run(
    name,
    { command: ['true'], volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
    { volumes: [{ name: 'v', ...volume }] },
  )
  try {
    for (;;) {
      const events = (await node.events(name)).filter((event) => event.startsWith('Warning'))
      if (events.length > 0) return events.join('\n')
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  } finally {
    await node.delete(name)
  }
}

test('an emptyDir is shared by the containers of a pod, outlives them, and goes with the pod', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/data/deep' }]
  await node.run(
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
  await node.ready('empty')
  process.kill(node.pods.list()[0]?.containers[0]?.pid ?? 0, 'SIGKILL')
  await node.until(
    'empty',
    'back',
    (pod) => pod?.status?.containerStatuses?.[0]?.restartCount === 1 && pod.status.containerStatuses[0].ready,
  )
  assert.match((await node.exec('empty', ['wc', '-l', '/data/deep/log'], 'd')).out, /^2 /)
  assert.match((await node.exec('empty', ['touch', '/data/deep/x'], 'd')).err, /Read-only file system/)
  await node.delete('empty')
})

test('an emptyDir in memory is a tmpfs of its size', async () => {
  const out = await withVolume('memory', 'stat -f -c %T /v; df -k --output=size /v | tail -1; stat -c %a /v', {
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
    const out = await withVolume(
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

test('a mount point may be missing in a directory that has mounts of its own', async () => {
  const directory = join(folder, 'mixed')
  mkdirSync(join(directory, 'mounted'), { recursive: true })
  writeFileSync(join(directory, 'file'), 'a file')
  symlinkSync('file', join(directory, 'link'))
  mountTmpfs(join(directory, 'mounted'), 'size=64k')
  try {
    writeFileSync(join(directory, 'mounted', 'inner'), 'inside')
    const mountPath = join(directory, 'new', 'place')
    const script = `cd ${directory}; ls; cat link mounted/inner; readlink link; echo x > new/place/y; touch z 2>&1`
    const out = await withVolume('mixed', script, { emptyDir: {} }, { mountPath })
    assert.match(out, /^file\nlink\nmounted\nnew\na fileinsidefile\ntouch: .*Read-only file system\n$/)
  } finally {
    unmount(join(directory, 'mounted'))
  }
})

test('an account or a pod may want no token', async () => {
  await node.client.create('ServiceAccount', {
    metadata: { name: 'plain', namespace: 'default' },
    automountServiceAccountToken: false,
  })
  assert.match(await node.sh('plain', 'ls /var/run/secrets 2>&1', {}, { serviceAccountName: 'plain' }), /No such file/)
  await node.delete('plain')
})

test('a directory over a file, a place in /proc and the root itself are refused', async () => {
  assert.match(
    await refusal('file', { emptyDir: {} }, { mountPath: '/etc/passwd' }),
    /mount at \/etc\/passwd.*is a file on this machine/,
  )
  assert.match(
    await refusal('proc', { emptyDir: {} }, { mountPath: '/proc/x' }),
    /nothing can be mounted in \/proc or \/sys/,
  )
  assert.match(await refusal('root', { emptyDir: {} }, { mountPath: '/' }), /over the root itself/)
  assert.match(await refusal('dots', { emptyDir: {} }, { mountPath: '/a/../../etc' }), /no path to mount at/)
})

test('a ConfigMap becomes files, all of which change in one step when it changes', async () => {
  await node.client.create('ConfigMap', {
    metadata: { name: 'app', namespace: 'default' },
    data: { 'a.txt': 'one', 'b.txt': 'uno' },
    binaryData: { bin: 'AAEC' },
  })
  await node.run(
    'config',
    {
      command: ['sleep', '1000'],
      volumeMounts: [
        { name: 'v', mountPath: '/config' },
        { name: 'w', mountPath: '/items' },
        { name: 'v', mountPath: '/single', subPath: 'a.txt' },
      ],
    },
    {
      volumes: [
        { name: 'v', configMap: { name: 'app' } },
        {
          name: 'w',
          configMap: {
            name: 'app',
            defaultMode: 0o400,
            items: [
              { key: 'a.txt', path: 'sub/dir/a', mode: 0o600 },
              { key: 'b.txt', path: 'b' },
            ],
          },
        },
      ],
    },
  )
  await node.ready('config')
  const sh = async (script: string): Promise<string> => (await node.exec('config', ['sh', '-c', script])).out
  assert.equal(
    await sh('cd /config; cat a.txt b.txt; od -An -tx1 bin; readlink a.txt; ls'),
    'oneuno 00 01 02\n..data/a.txt\na.txt\nb.txt\nbin\n',
  )
  assert.equal(
    await sh('cat /items/sub/dir/a /items/b; stat -L -c %a /items/sub/dir/a /items/b; ls /items; cat /single'),
    'oneuno600\n400\nb\nsub\none',
  )
  assert.match((await node.exec('config', ['touch', '/config/x'])).err, /Read-only/)
  await node.client.patch('ConfigMap', 'app', 'default', { data: { 'a.txt': 'two', 'b.txt': null, 'c.txt': 'tres' } })
  while ((await sh('cat /config/a.txt')) !== 'two') await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(await sh('cd /config; cat c.txt; ls; cat /single'), 'tresa.txt\nbin\nc.txt\none')
  await node.delete('config')
})

test('a pod waits for a ConfigMap that comes later, unless it is optional', async () => {
  const volume = { configMap: { name: 'late' } }
  await node.run(
    'waits',
    { command: ['sleep', '1000'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { volumes: [{ name: 'v', ...volume }] },
  )
  await node.until('waits', 'waiting', (pod) => waiting(pod) !== undefined)
  while ((await node.events('waits')).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.match(
    (await node.events('waits')).join('\n'),
    /Warning FailedMount: MountVolume.SetUp failed for volume "v" : configmap "late" not found/,
  )
  await node.client.create('ConfigMap', { metadata: { name: 'late', namespace: 'default' }, data: { a: 'b' } })
  await node.ready('waits')
  await node.delete('waits')
  assert.equal(
    await withVolume('optional', 'ls -A /v | grep -v "^\\.\\."', { configMap: { name: 'never', optional: true } }),
    '',
  )
})

test('a Secret, the downward API and a projection of both become files', async () => {
  await node.client.create('Secret', {
    metadata: { name: 'pass', namespace: 'default' },
    stringData: { word: 'sesame' },
  })
  assert.equal(
    await withVolume('secret', 'cat /v/word; stat -L -c %a /v/word', {
      secret: { secretName: 'pass', defaultMode: 0o440 },
    }),
    'sesame440\n',
  )
  const out = await withVolume('projected', 'cat /v/labels /v/s/word /v/token', {
    projected: {
      sources: [
        { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
        { secret: { name: 'pass', items: [{ key: 'word', path: 's/word' }] } },
        { serviceAccountToken: { path: 'token' } },
      ],
    },
  })
  assert.equal(out, 'app="projected"sesametoken of default/default for projected\n')
})

test('a hostPath is a place of this machine, of the type that was promised', async () => {
  writeFileSync(join(folder, 'file'), 'from here')
  assert.equal(
    await withVolume('hostfile', 'cat /v', { hostPath: { path: join(folder, 'file'), type: 'File' } }),
    'from here\n',
  )
  await withVolume('hostdir', 'echo written > /v/there', {
    hostPath: { path: join(folder, 'new'), type: 'DirectoryOrCreate' },
  })
  assert.equal(readFileSync(join(folder, 'new', 'there'), 'utf8'), 'written\n')
  assert.match(
    await refusal('nothere', { hostPath: { path: join(folder, 'absent'), type: 'Directory' } }),
    /FailedMount.*does not exist on this machine/,
  )
  assert.match(await refusal('nofile', { hostPath: { path: folder, type: 'File' } }), /FailedMount.*is not a file/)
})

test('what the cluster keeps for itself cannot be reached through a hostPath', async () => {
  assert.match(await refusal('keys', { hostPath: { path: join(folder, 'keys') } }), /the cluster's own state/)
  symlinkSync(join(folder, 'keys'), join(folder, 'link'))
  assert.match(await refusal('link', { hostPath: { path: join(folder, 'link') } }), /the cluster's own state/)
  assert.equal(await withVolume('above', `ls -A /v/keys; ls -A ${folder}/keys`, { hostPath: { path: folder } }), '')
  assert.match(await refusal('below', { hostPath: { path: folder } }, { subPath: 'keys' }), /the cluster's own state/)
})

test('a subPath that a container turned into a link leads nowhere', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  await node.run(
    'escape',
    { command: ['sh', '-c', 'ls /w/x'], volumeMounts: [{ name: 'v', mountPath: '/w', subPath: 'out' }] },
    {
      restartPolicy: 'Never',
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ name: 'one', image: 'host', command: ['ln', '-s', folder, '/v/out'], volumeMounts }],
    },
  )
  const pod = await node.until('escape', 'failed', (one) => one?.status?.phase === 'Failed')
  assert.match(pod?.status?.containerStatuses?.[0]?.state?.terminated?.message ?? '', /ELOOP/)
  await node.delete('escape')
  assert.equal(await withVolume('sub', 'echo a > /v/f; ls /v', { emptyDir: {} }, { subPath: 'new/deep' }), 'f\n')
})

test('a volume may lie inside another', async () => {
  await node.client.create('ConfigMap', { metadata: { name: 'nested', namespace: 'default' }, data: { k: 'v' } })
  const volumeMounts = [
    { name: 'inner', mountPath: '/a/b' },
    { name: 'outer', mountPath: '/a' },
  ]
  const volumes = [
    { name: 'outer', emptyDir: {} },
    { name: 'inner', configMap: { name: 'nested' } },
  ]
  assert.equal(
    await node.sh('nested', 'ls /a /a/b; cat /a/b/k', { volumeMounts }, { volumes }),
    '/a:\nb\n\n/a/b:\nk\nv\n',
  )
  await node.delete('nested')
})

test('a token is for the audience that was named', async () => {
  const sources = [{ serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } }]
  const out = await withVolume('audience', 'cat /v/token', { projected: { sources } })
  assert.equal(out, 'token of default/default for audience to vault\n')
})

test('subPathExpr takes its parts from the variables of the container', async () => {
  const out = await node.sh(
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
  await node.delete('expr')
  const lacking = await refusal('expr-lacks', { emptyDir: {} }, { subPathExpr: '$(NOT_THERE)/x' })
  assert.match(lacking, /subPathExpr "\$\(NOT_THERE\)\/x" of the mount at \/v: missing value for NOT_THERE/)
  const out2 = await refusal('expr-out', { emptyDir: {} }, { subPathExpr: '../x' })
  assert.match(out2, /leaves its volume/)
})

test('limits and requests are in variables and files', async () => {
  const out = await node.sh(
    'resources',
    'echo $CPU; cat /v/memory',
    {
      resources: { limits: { cpu: '250m', memory: '64Mi' } },
      env: [{ name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } }],
      volumeMounts: [{ name: 'v', mountPath: '/v' }],
    },
    {
      volumes: [
        {
          name: 'v',
          downwardAPI: {
            items: [
              { path: 'memory', resourceFieldRef: { containerName: 'c', resource: 'limits.memory', divisor: '1Mi' } },
            ],
          },
        },
      ],
    },
  )
  assert.equal(out, '250\n64\n')
  await node.delete('resources')
})

test('a hostPath of each type is what it says, and is made where that is asked for', async () => {
  const at = (name: string): string => join(folder, name)
  await withVolume('make-file', 'echo written > /v', { hostPath: { path: at('made-file'), type: 'FileOrCreate' } })
  assert.equal(readFileSync(at('made-file'), 'utf8'), 'written\n')
  await withVolume('make-dir', 'echo again > /v/f', { hostPath: { path: at('a/b/c'), type: 'DirectoryOrCreate' } })
  assert.equal(readFileSync(at('a/b/c/f'), 'utf8'), 'again\n')
  const server = createServer().listen(at('socket'))
  await once(server, 'listening')
  try {
    assert.equal(
      await withVolume('socket', 'test -S /v && echo socket', { hostPath: { path: at('socket'), type: 'Socket' } }),
      'socket\n',
    )
  } finally {
    server.close()
  }
  const device = 'head -c 3 /v | od -An -tx1'
  assert.equal(
    await withVolume('device', device, { hostPath: { path: '/dev/zero', type: 'CharDevice' } }),
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
      await refusal(`wrong-${type.toLowerCase()}`, { hostPath: { path: at('made-file'), type } }),
      new RegExp(`FailedMount.*hostPath type check failed: .*made-file is not a ${say}`),
    )
})

test('what cannot be mounted is told by an event and by what the container waits for', async () => {
  await node.run(
    'claims',
    { command: ['true'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } } as unknown as Volume] },
  )
  const say =
    /MountVolume\.SetUp failed for volume "v" : volumes of type persistentVolumeClaim are not supported; there are emptyDir,/
  const pod = await node.until('claims', 'refused', (one) => say.test(waiting(one)?.message ?? ''))
  assert.equal(waiting(pod)?.reason, 'ContainerCreating')
  assert.match((await node.events('claims')).join('\n'), new RegExp(`Warning FailedMount: ${say.source}`))
  await node.delete('claims')
})

const others = readIdMap().user(1000) ? {} : { skip: 'only user and group 0 exist here' }
const mine = readIdMap().user(1000) ? { skip: 'all groups exist here' } : {}

test('fsGroup may read and write what the pod alone has, and read what the agent writes', others, async () => {
  await node.client.create('Secret', { metadata: { name: 'grouped', namespace: 'default' }, stringData: { word: 'x' } })
  const volumes: Volume[] = [
    { name: 'e', emptyDir: {} },
    { name: 'm', emptyDir: { medium: 'Memory' } },
    { name: 's', secret: { secretName: 'grouped', defaultMode: 0o400, items: [{ key: 'word', path: 'deep/word' }] } },
    { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
  ]
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }))
  const script = `echo > /e/new; echo > /m/new; stat -c '%u:%g %a' /e /m /e/new /s/..data/deep; stat -L -c '%u:%g %a' /s/deep/word /t/token
    cat /s/deep/word; test -r /t/token && echo token; id -G`
  const out = await node.sh(
    'grouped',
    script,
    { volumeMounts, securityContext: { runAsUser: 1000 } },
    {
      volumes,
      securityContext: { fsGroup: 2000, runAsGroup: 1000 },
    },
  )
  assert.deepEqual(out.split('\n'), [
    '0:2000 2777',
    '0:2000 2777',
    '1000:2000 644',
    '0:2000 2755',
    '0:2000 440',
    '0:2000 640',
    'xtoken',
    '1000 2000',
    '',
  ])
  await node.delete('grouped')
})

test('an emptyDir is kept to its size where the node has it in memory', async () => {
  const memory = mkdtempSync(join(folder, 'memory-'))
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

test('where only group 0 exists, another fsGroup is refused with the reason', mine, async () => {
  const spec = { securityContext: { fsGroup: 2000 }, volumes: [{ name: 'v', emptyDir: {} }] }
  await node.run('nogroup', { command: ['true'], volumeMounts: [{ name: 'v', mountPath: '/v' }] }, spec)
  await node.until('nogroup', 'refused', (pod) =>
    /fsGroup 2000.* does not exist here/.test(waiting(pod)?.message ?? ''),
  )
  await node.delete('nogroup')
})

test('a volume that is read-only is so with everything that is mounted in it', async () => {
  const outer = mkdtempSync(join(folder, 'outer-'))
  mkdirSync(join(outer, 'inner'))
  mountTmpfs(join(outer, 'inner'), 'mode=777')
  try {
    const out = await withVolume(
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
