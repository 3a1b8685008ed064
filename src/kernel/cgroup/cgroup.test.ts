import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHierarchies } from './hierarchy.ts'
import { type Limits, settingsOf } from './settings.ts'

const line = (mount: string, kind: string, options: string, root = '/'): string =>
  `31 23 0:28 ${root} ${mount} rw,nosuid shared:4 - ${kind} cgroup rw,${options}`

test('a machine with version 2: one hierarchy, the own group below its mount', () => {
  const cgroup = '0::/user.slice/user-1000.slice/session-2.scope\n'
  const found = parseHierarchies(
    line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate'),
    cgroup,
    () => 'cpuset cpu io memory pids\n',
  )
  assert.deepEqual(found, [
    {
      version: 2,
      controllers: ['cpu', 'memory', 'pids'],
      mount: '/sys/fs/cgroup',
      own: '/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope',
    },
  ])
})

test('a machine with version 1, and version 2 without controllers beside it', () => {
  const mounts = [
    line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
    line('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
    line('/sys/fs/cgroup/systemd', 'cgroup', 'name=systemd'),
    line('/sys/fs/cgroup/unified', 'cgroup2', 'nsdelegate'),
  ]
  const cgroup = '4:memory:/jobs/a:b\n3:cpu,cpuacct:/\n1:name=systemd:/init\n0::/\n'
  const found = parseHierarchies(mounts.join('\n'), cgroup, () => '\n')
  assert.deepEqual(
    found.map(({ version, controllers, own }) => [version, controllers.join(), own]),
    [
      [1, 'cpu', '/sys/fs/cgroup/cpu,cpuacct/'],
      [1, 'memory', '/sys/fs/cgroup/memory/jobs/a:b'],
      [1, '', '/sys/fs/cgroup/systemd/init'],
      [2, '', '/sys/fs/cgroup/unified/'],
    ],
  )
})

test('in a container the mount shows a part, and the own path is told from its root, or from outside of it', () => {
  const mount = line('/sys/fs/cgroup', 'cgroup2', 'x', '/docker/abc')
  const own = (path: string): string | undefined => parseHierarchies(mount, `0::${path}\n`, () => 'cpu')[0]?.own
  assert.equal(own('/docker/abc/app'), '/sys/fs/cgroup/app')
  assert.equal(own('/docker/abc'), '/sys/fs/cgroup/')
  assert.equal(own('/../other'), '/sys/fs/cgroup/')
  assert.equal(
    parseHierarchies(line('/sys/fs/my\\040groups', 'cgroup2', 'x'), '0::/\n', () => '')[0]?.mount,
    '/sys/fs/my groups',
  )
})

test("limits become the kernel's numbers as kubelet's do", () => {
  const all: Limits = { cpuMost: 500, cpuShare: 250, memory: 64 * 1024 * 1024, pids: 100, endTogether: true }
  const written = (version: 1 | 2, limits: Limits): string[] =>
    (['cpu', 'memory', 'pids'] as const).flatMap((one) =>
      settingsOf(version, one, limits).map(([file, text]) => `${file}=${text}`),
    )
  assert.deepEqual(written(1, all), [
    'cpu.shares=256',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_quota_us=50000',
    'memory.limit_in_bytes=67108864',
    'memory.memsw.limit_in_bytes=67108864',
    'pids.max=100',
  ])
  assert.deepEqual(written(2, all), [
    'cpu.weight=10',
    'cpu.max=50000 100000',
    'memory.max=67108864',
    'memory.swap.max=0',
    'memory.oom.group=1',
    'pids.max=100',
  ])
  // The least that the kernel takes: 1 ms of 100, and two shares.
  assert.deepEqual(written(1, { cpuMost: 1, cpuShare: 0 }), [
    'cpu.shares=2',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_quota_us=1000',
  ])
  assert.deepEqual(written(2, { cpuShare: 1_000_000 }), ['cpu.weight=10000'])
  // The most: 2^44 - 1 microseconds (the kernel refuses more), and bytes that are written in full, not as 1e+21.
  assert.deepEqual(written(2, { cpuMost: 1e21, memory: 1e21 }), [
    'cpu.max=17592186044415 100000',
    'memory.max=9007199254740991',
    'memory.swap.max=0',
  ])
  assert.deepEqual([...written(1, {}), ...written(2, {})], [])
})
