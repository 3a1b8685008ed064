import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Volume } from '../../src/api/objects/pod.ts'
import { readIdMap } from '../../src/pod/container/identity.ts'
import { makeVolumeWorld, type VolumeWorld, waiting } from './pod-volume-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: VolumeWorld
before(async () => {
  leaveForOwnNetwork()
  world = await makeVolumeWorld()
})
after(() => world[Symbol.asyncDispose]())

const others = readIdMap().user(1000) ? {} : { skip: 'only user and group 0 exist here' }
const mine = readIdMap().user(1000) ? { skip: 'all groups exist here' } : {}

test('a ConfigMap becomes files, all of which change in one step when it changes', async () => {
  await world.node.client.create('ConfigMap', {
    metadata: { name: 'app', namespace: 'default' },
    data: { 'a.txt': 'one', 'b.txt': 'uno' },
    binaryData: { bin: 'AAEC' },
  })
  await world.node.run(
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
  await world.node.ready('config')
  const sh = async (script: string): Promise<string> => (await world.node.exec('config', ['sh', '-c', script])).out
  assert.equal(
    await sh('cd /config; cat a.txt b.txt; od -An -tx1 bin; readlink a.txt; ls'),
    'oneuno 00 01 02\n..data/a.txt\na.txt\nb.txt\nbin\n',
  )
  assert.equal(
    await sh('cat /items/sub/dir/a /items/b; stat -L -c %a /items/sub/dir/a /items/b; ls /items; cat /single'),
    'oneuno600\n400\nb\nsub\none',
  )
  assert.match((await world.node.exec('config', ['touch', '/config/x'])).err, /Read-only/)
  await world.node.client.patch('ConfigMap', 'app', 'default', {
    data: { 'a.txt': 'two', 'b.txt': null, 'c.txt': 'tres' },
  })
  while ((await sh('cat /config/a.txt')) !== 'two') await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal(await sh('cd /config; cat c.txt; ls; cat /single'), 'tresa.txt\nbin\nc.txt\none')
  await world.node.delete('config')
})

test('a pod waits for a ConfigMap that comes later, unless it is optional', async () => {
  const volume = { configMap: { name: 'late' } }
  await world.node.run(
    'waits',
    { command: ['sleep', '1000'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { volumes: [{ name: 'v', ...volume }] },
  )
  await world.node.until('waits', 'waiting', (pod) => waiting(pod) !== undefined)
  while ((await world.node.events('waits')).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.match(
    (await world.node.events('waits')).join('\n'),
    /Warning FailedMount: MountVolume.SetUp failed for volume "v" : configmap "late" not found/,
  )
  await world.node.client.create('ConfigMap', { metadata: { name: 'late', namespace: 'default' }, data: { a: 'b' } })
  await world.node.ready('waits')
  await world.node.delete('waits')
  assert.equal(
    await world.withVolume('optional', 'ls -A /v | grep -v "^\\.\\."', {
      configMap: { name: 'never', optional: true },
    }),
    '',
  )
})

test('a Secret, the downward API and a projection of both become files', async () => {
  await world.node.client.create('Secret', {
    metadata: { name: 'pass', namespace: 'default' },
    stringData: { word: 'sesame' },
  })
  assert.equal(
    await world.withVolume('secret', 'cat /v/word; stat -L -c %a /v/word', {
      secret: { secretName: 'pass', defaultMode: 0o440 },
    }),
    'sesame440\n',
  )
  const out = await world.withVolume('projected', 'cat /v/labels /v/s/word /v/token', {
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

test('an account or a pod may want no token', async () => {
  await world.node.client.create('ServiceAccount', {
    metadata: { name: 'plain', namespace: 'default' },
    automountServiceAccountToken: false,
  })
  assert.match(
    await world.node.sh('plain', 'ls /var/run/secrets 2>&1', {}, { serviceAccountName: 'plain' }),
    /No such file/,
  )
  await world.node.delete('plain')
})

test('a token is for the audience that was named', async () => {
  const sources = [{ serviceAccountToken: { path: 'token', audience: 'vault', expirationSeconds: 600 } }]
  const out = await world.withVolume('audience', 'cat /v/token', { projected: { sources } })
  assert.equal(out, 'token of default/default for audience to vault\n')
})

test('a token is renewed before its end, in one step and under the eyes of the container', async () => {
  const { node } = world
  const usual = node.tokens
  const token = '/var/run/secrets/kubernetes.io/serviceaccount'
  const look = async (script: string): Promise<string> => (await node.exec('renewed', ['sh', '-c', script])).out
  try {
    const issued = Date.now()
    node.tokens = { lifeMs: 2500, mark: ' first' }
    await node.run('renewed', { command: ['sleep', '1000'] })
    await node.ready('renewed')
    node.tokens = { lifeMs: 3_600_000, mark: ' second' }
    const before = await look(`cd ${token}; readlink ..data; cat token`)
    assert.match(before, /^(\S+)\ntoken of default\/default for renewed first$/)
    // The container's own loop sees neither an absent file nor one that is half written.
    const seen = await look(
      `cd ${token}; for i in $(seq 1000); do t=$(cat token) || exit; echo "$t"; case $t in *second) break;; esac; sleep 0.01; done | uniq; readlink ..data`,
    )
    const [first, second, data] = seen.split('\n')
    assert.deepEqual(
      [first, second],
      ['token of default/default for renewed first', 'token of default/default for renewed second'],
    )
    assert.notEqual(data, before.split('\n')[0])
    assert.ok(Date.now() - issued >= 0.8 * 2500 - 100, 'not before four fifths of its life')
  } finally {
    node.tokens = usual
  }
  await node.delete('renewed')
})

test('limits and requests are in variables and files', async () => {
  const out = await world.node.sh(
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
  await world.node.delete('resources')
})

test('fsGroup may read and write what the pod alone has, and read what the agent writes', others, async () => {
  await world.node.client.create('Secret', {
    metadata: { name: 'grouped', namespace: 'default' },
    stringData: { word: 'x' },
  })
  const volumes: Volume[] = [
    { name: 'e', emptyDir: {} },
    { name: 'm', emptyDir: { medium: 'Memory' } },
    { name: 's', secret: { secretName: 'grouped', defaultMode: 0o400, items: [{ key: 'word', path: 'deep/word' }] } },
    { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
  ]
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }))
  const script = `echo > /e/new; echo > /m/new; stat -c '%u:%g %a' /e /m /e/new /s/..data/deep; stat -L -c '%u:%g %a' /s/deep/word /t/token
    cat /s/deep/word; test -r /t/token && echo token; id -G`
  const out = await world.node.sh(
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
  await world.node.delete('grouped')
})

test('where only group 0 exists, another fsGroup is refused with the reason', mine, async () => {
  const spec = { securityContext: { fsGroup: 2000 }, volumes: [{ name: 'v', emptyDir: {} }] }
  await world.node.run('nogroup', { command: ['true'], volumeMounts: [{ name: 'v', mountPath: '/v' }] }, spec)
  await world.node.until('nogroup', 'refused', (pod) =>
    /fsGroup 2000.* does not exist here/.test(waiting(pod)?.message ?? ''),
  )
  await world.node.delete('nogroup')
})
