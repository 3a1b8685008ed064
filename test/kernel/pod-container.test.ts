import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container, Pod, PodSpec } from '../../src/api/objects/pod.ts'
import { condition, leaveForOwnNetwork, makeNode, type Node, nodeInside } from './pod-world.ts'

let node: Node
/** A folder of this machine outside /tmp, which containers have their own of. */
const folder = mkdtempSync(join(realpathSync('/var/tmp'), 'kubehop-pod-'))
before(async () => {
  leaveForOwnNetwork()
  mkdirSync(join(folder, 'examples'))
  writeFileSync(join(folder, 'examples', 'hello.js'), 'console.log("hello from", process.argv[2])\n')
  mkdirSync(join(folder, 'keys'))
  writeFileSync(join(folder, 'keys', 'ca.key'), 'secret')
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'greet'), '#!/bin/sh\necho greetings', { mode: 0o755 })
  node = await makeNode({
    images: {
      host: {
        path: [join(folder, 'bin')],
        mounts: [{ from: join(folder, 'examples'), to: '/kubehop/examples' }],
        env: { KUBEHOP: 'yes' },
        mask: [join(folder, 'keys')],
      },
    },
  })
})
after(async () => {
  await node[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const waiting = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting

test("a container has this machine's files, and can change none of them", async () => {
  const out = await node.sh(
    'files',
    `for path in / /etc /usr /var /home /root ${folder}; do touch "$path/x" 2>/dev/null && echo "wrote $path"; done
     touch /tmp/x && echo own tmp; ls -A /tmp; ls -A /run | tr '\\n' ' '; mount -o remount,rw / 2>/dev/null && echo remounted
     cat ${folder}/examples/hello.js`,
  )
  assert.equal(out, 'own tmp\nx\nsecrets console.log("hello from", process.argv[2])\n')
  await node.delete('files')
})

test('each container has a /tmp of its own', async () => {
  await node.run(
    'tmps',
    {},
    {
      containers: [
        { name: 'c', image: 'host', command: ['sh', '-c', 'touch /tmp/mine; sleep 1000'] },
        { name: 'd', image: 'host', command: ['sleep', '1000'] },
      ],
    },
  )
  await node.ready('tmps')
  assert.equal((await node.exec('tmps', ['ls', '/tmp'], 'd')).out, '')
  await node.delete('tmps')
})

test('its first process is number 1, and it sees no other than its own', async () => {
  assert.equal(
    await node.sh('pids', 'echo $$$$; set -- /proc/[0-9]*; echo $#; kill -0 2 2>/dev/null || echo alone'),
    '1\n1\nalone\n',
  )
  await node.delete('pids')
})

test('it has the capabilities of an ordinary container and no more, and settings of the kernel are read-only', async () => {
  const out = await node.sh(
    'caps',
    `grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | tr -d '\\n'; echo
     echo 1 > /proc/sys/net/ipv4/ip_forward || true; unshare -n true 2>&1 | tail -1; umount /tmp 2>&1 | tail -1; cat /proc/keys`,
  )
  const [caps, ...rest] = out.split('\n')
  assert.equal(
    caps?.replaceAll('\t', ''),
    [
      'Inh:0000000000000000',
      'Prm:00000000a80425fb',
      'Eff:00000000a80425fb',
      'Bnd:00000000a80425fb',
      'Amb:0000000000000000',
    ]
      .map((one) => `Cap${one}`)
      .join(''),
  )
  for (const refused of [
    /ip_forward: Read-only file system/,
    /unshare failed: Operation not permitted/,
    /umount: \/tmp/,
  ])
    assert.match(rest.join('\n'), refused)
  await node.delete('caps')
})

test('capabilities can be added and dropped, and no_new_privs can be asked for', async () => {
  const status = 'grep -E "CapEff|NoNewPrivs" /proc/self/status | tr -s "\\t\\n" " "'
  const out = await node.sh('capadd', status, {
    securityContext: { capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] }, allowPrivilegeEscalation: false },
  })
  assert.equal(out, 'CapEff: 0000000000001000 NoNewPrivs: 1 \n')
  await node.delete('capadd')
})

test('devices, terminals and standard streams are where programs look for them', async () => {
  const out = await node.sh(
    'devices',
    'echo x > /dev/null; head -c 4 /dev/urandom | wc -c; head -c 2 /dev/zero | wc -c; echo out > /dev/stdout; ls /dev | tr "\\n" " "; test -c /dev/ptmx && echo ptmx; test -e /dev/vda || echo no disk',
  )
  assert.equal(
    out,
    '4\n2\nout\nfd full mqueue null ptmx pts random shm stderr stdin stdout termination-log tty urandom zero ptmx\nno disk\n',
  )
  await node.delete('devices')
})

test('PATH holds what the node adds, its mounts are there, and what it hides is not', async () => {
  const out = await node.sh(
    'extras',
    `greet; node /kubehop/examples/hello.js kubehop; echo $KUBEHOP; ls -A ${folder}/keys; ls ${node.dir}`,
    {
      env: [{ name: 'PATH', value: `${folder}/bin:${nodeInside}:/usr/bin:/bin` }],
    },
  )
  assert.equal(out.replace(/ls: .*\n/, ''), 'greetings\nhello from kubehop\nyes\n')
  await node.delete('extras')
  assert.equal(await node.sh('path', 'greet'), 'greetings\n')
  await node.delete('path')
})

test('environment, arguments and working directory are as the manifest says', async () => {
  await node.client.create('ConfigMap', {
    metadata: { name: 'settings', namespace: 'default' },
    data: { COLOR: 'blue', 'a-b': 'c' },
  })
  await node.run(
    'env',
    {
      command: [
        'sh',
        '-c',
        'echo "$1 $COLOR $ONE $NODE $IP $HOSTNAME $KEY $0"; pwd; umask; env | grep -c ^KUBERNETES_ || true',
        '$(ONE)',
      ],
      args: ['$(TWO)'],
      workingDir: '/usr',
      envFrom: [{ configMapRef: { name: 'settings' } }],
      env: [
        { name: 'ONE', value: '1' },
        { name: 'TWO', value: '$(ONE)$(ONE)' },
        { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'KEY', valueFrom: { configMapKeyRef: { name: 'settings', key: 'COLOR' } } },
      ],
    },
    { restartPolicy: 'Never' },
  )
  const out = await node.output('env')
  const pod = await node.client.get('Pod', 'env', 'default')
  assert.equal(out, `11 blue 1 node1 ${pod?.status?.podIP} env blue 1\n/usr\n0022\n0\n`)
  assert.equal(pod?.status?.phase, 'Succeeded')
  await node.delete('env')
})

test("resolv.conf, hosts and hostname are the pod's", async () => {
  const out = await node.sh(
    'names',
    'cat /etc/resolv.conf /etc/hostname; tail -1 /etc/hosts; uname -n',
    {},
    { hostname: 'me', subdomain: 'us' },
  )
  const ip = (await node.client.get('Pod', 'names', 'default'))?.status?.podIP
  assert.equal(
    out,
    `search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 100.64.0.10\noptions ndots:5\nme\n${ip}\tme.us.default.svc.cluster.local\tme\nme\n`,
  )
  await node.delete('names')
})

test('a pod finds its token, its namespace and the authority where programs look for them', async () => {
  const out = await node.sh(
    'token',
    'cd /var/run/secrets/kubernetes.io/serviceaccount; for f in token namespace ca.crt; do cat $f; echo; done; touch x 2>&1',
  )
  assert.match(out, /^token of default\/default for token\ndefault\nan authority\n.*Read-only file system\n$/)
  await node.delete('token')
  assert.match(
    await node.sh('tokenless', 'ls /var/run/secrets 2>&1', {}, { automountServiceAccountToken: false }),
    /No such file/,
  )
  await node.delete('tokenless')
})

test('a program that is not there is a start error that names it, with events and a restart', async () => {
  await node.run('nothing', { command: ['no-such-program'] })
  const pod = await node.until('nothing', 'crash looping', (one) => waiting(one)?.reason === 'CrashLoopBackOff')
  const { lastState } = pod?.status?.containerStatuses?.[0] ?? {}
  assert.equal(lastState?.terminated?.exitCode, 128)
  assert.equal(lastState?.terminated?.reason, 'StartError')
  assert.match(
    lastState?.terminated?.message ?? '',
    /failed to start container "c": .*exec "no-such-program": executable file not found in \$PATH/,
  )
  assert.ok(
    (await node.events('nothing')).some((event) =>
      event.startsWith('Warning Failed: Error: failed to start container "c"'),
    ),
  )
  await node.delete('nothing')
  await node.run('nowhere', { command: ['sleep', '1'], workingDir: '/no/such/place' })
  const lost = await node.until('nowhere', 'crash looping', (one) => waiting(one)?.reason === 'CrashLoopBackOff')
  assert.match(
    lost?.status?.containerStatuses?.[0]?.lastState?.terminated?.message ?? '',
    /enter the working directory: \/no\/such\/place: no such directory; set workingDir/,
  )
  await node.delete('nowhere')
})

test('an image that is not there, a missing command and a missing ConfigMap say what to do', async () => {
  await node.run('nginx', { image: 'nginx:1.27' })
  const pod = await node.until('nginx', 'waiting', (one) => waiting(one)?.reason === 'ErrImagePull')
  assert.match(waiting(pod)?.message ?? '', /`kubehop image load FILE` .* or use "image: host" and a command/)
  await node.until('nginx', 'backing off', (one) => waiting(one)?.reason === 'ImagePullBackOff')
  assert.ok(
    (await node.events('nginx')).some((event) => event.startsWith('Warning Failed: Failed to pull image "nginx:1.27"')),
  )
  await node.client
    .patch('Pod', 'nginx', 'default', { spec: { containers: [{ name: 'c', image: 'host', command: ['sleep', '1'] }] } })
    .catch(() => undefined)
  await node.delete('nginx')

  await node.run('empty', {})
  const empty = await node.until('empty', 'refused', (one) => waiting(one)?.reason === 'CreateContainerConfigError')
  assert.match(waiting(empty)?.message ?? '', /no command is given.*set command/)
  await node.delete('empty')

  await node.run('unset', {
    command: ['sleep', '1000'],
    env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'later', key: 'a' } } }],
  })
  await node.until('unset', 'refused', (one) => waiting(one)?.message?.includes('later') === true)
  await node.client.create('ConfigMap', { metadata: { name: 'later', namespace: 'default' }, data: { a: '1' } })
  await node.ready('unset')
  await node.delete('unset')
})

test('another user is taken on where there is one, and refused with the remedy where there is none', async () => {
  const single = !/^\s*0\s+0\s+4294967295/m.test(readFileSync('/proc/self/uid_map', 'utf8'))
  await node.run(
    'user',
    {
      command: ['sh', '-c', 'id -u; id -g; grep CapEff /proc/self/status'],
      securityContext: { runAsUser: 1000, runAsGroup: 1001 },
    },
    { restartPolicy: 'Never' },
  )
  if (single) {
    const pod = await node.until('user', 'refused', (one) => waiting(one)?.reason === 'CreateContainerConfigError')
    assert.match(waiting(pod)?.message ?? '', /runAsUser 1000 does not exist here.*as root/)
  } else assert.equal(await node.output('user'), '1000\n1001\nCapEff:\t0000000000000000\n')
  await node.delete('user')
})

test('init containers run in order before the others, and a failing one holds them back', async () => {
  const init = (name: string, script: string) => ({
    name,
    image: 'host',
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
  })
  const out = await node.sh(
    'inits',
    'cat /v/log',
    { volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    {
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [init('one', 'echo one >> /v/log'), init('two', 'sleep 0.1; echo two >> /v/log')],
    },
  )
  assert.equal(out, 'one\ntwo\n')
  await node.delete('inits')
  await node.run(
    'held',
    { command: ['true'] },
    { restartPolicy: 'Never', initContainers: [{ name: 'one', image: 'host', command: ['false'] }] },
  )
  const pod = await node.until('held', 'failed', (one) => one?.status?.phase === 'Failed')
  assert.equal(condition(pod, 'Initialized'), 'False')
  assert.equal(pod?.status?.initContainerStatuses?.[0]?.state?.terminated?.exitCode, 1)
  assert.deepEqual(pod?.status?.containerStatuses?.[0]?.state, { waiting: { reason: 'PodInitializing' } })
  await node.delete('held')
})

test('restartPolicy decides: OnFailure goes on until success, Never leaves a failure, and the message is told', async () => {
  const script = 'n=$(cat /v/n 2>/dev/null || echo 0); echo $((n+1)) > /v/n; test $n -ge 2'
  await node.run(
    'retry',
    { command: ['sh', '-c', script], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
    { restartPolicy: 'OnFailure', volumes: [{ name: 'v', emptyDir: {} }] },
  )
  const pod = await node.until('retry', 'done', (one) => one?.status?.phase === 'Succeeded')
  assert.equal(pod?.status?.containerStatuses?.[0]?.restartCount, 2)
  await node.delete('retry')
  await node.sh('never', 'echo the disk is full > /dev/termination-log;  exit 4')
  const failed = await node.client.get('Pod', 'never', 'default')
  assert.equal(failed?.status?.phase, 'Failed')
  assert.equal(failed?.status?.containerStatuses?.[0]?.state?.terminated?.message, 'the disk is full\n')
  assert.equal(
    node.pods.list().some(({ name }) => name === 'never'),
    false,
    'a pod that is over has no sandbox',
  )
  await node.delete('never')
})

test('a container whose image changes is started again with it', async () => {
  const command = ['sh', '-c', 'trap "exit 0" TERM; touch /tmp/up; while :; do sleep 0.02; done']
  await node.run('swap', { command, readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] } } })
  const pod = structuredClone(await node.ready('swap'))
  for (const container of pod.spec.containers) container.image = 'nginx'
  await node.client.update('Pod', pod)
  const changed = await node.until('swap', 'refused', (one) => waiting(one)?.reason === 'ErrImagePull')
  assert.equal(changed?.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 0)
  assert.ok((await node.events('swap')).includes('Normal Killing: Container c definition changed, will be restarted'))
  await node.delete('swap')
})

test('a pod past its deadline is ended and says so', async () => {
  await node.run('deadline', { command: ['sleep', '1000'] }, { activeDeadlineSeconds: 1 })
  const pod = await node.until('deadline', 'failed', (one) => one?.status?.phase === 'Failed')
  assert.equal(pod?.status?.reason, 'DeadlineExceeded')
  await node.delete('deadline')
})

test('what a pod asks for and does not get is said, and stays in a condition', async () => {
  const resources = { limits: { 'ephemeral-storage': '1Gi' } }
  await node.run('wishes', { command: ['sleep', '1000'], resources }, { hostnameOverride: 'x' } as object)
  const pod = await node.ready('wishes')
  const say =
    'not supported here and left out: hostnameOverride, resources.limits.ephemeral-storage (nothing counts it here) of container c. That has no effect: remove it from the manifest, unless another cluster needs it there'
  assert.ok((await node.events('wishes')).includes(`Warning Unsupported: ${say}`))
  const condition = pod.status?.conditions?.find(({ type }) => type === 'kubehop.dev/Unsupported')
  assert.equal(condition?.message, say)
  await node.delete('wishes')
})

test("a container's own rules start it again in a pod that is never restarted", async () => {
  const script = 'n=$(cat /v/n || echo 0); echo $((n+1)) > /v/n; test $n -lt 2 && exit 42; echo done after $n; exit 7'
  const command = ['sh', '-c', script]
  const restartPolicyRules: NonNullable<Container['restartPolicyRules']> = [
    { action: 'Restart', exitCodes: { operator: 'In', values: [42] } },
  ]
  const spec: Partial<PodSpec> = { restartPolicy: 'Never', volumes: [{ name: 'v', emptyDir: {} }] }
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  await node.run('ruled', { command, volumeMounts, restartPolicy: 'Never', restartPolicyRules }, spec)
  assert.equal(await node.output('ruled'), 'done after 2\n')
  const status = (await node.client.get('Pod', 'ruled', 'default'))?.status
  assert.deepEqual([status?.phase, status?.containerStatuses?.[0]?.restartCount], ['Failed', 2])
  await node.delete('ruled')
})

test('a sidecar starts before the containers and ends with them', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }]
  const command = ['sh', '-c', 'echo side > /v/up; exec sleep 1000']
  const out = await node.sh(
    'sidecar',
    'while ! test -e /v/up; do sleep 0.01; done; cat /v/up',
    { volumeMounts },
    {
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{ name: 'side', image: 'host', restartPolicy: 'Always', command, volumeMounts }],
    },
  )
  assert.equal(out, 'side\n')
  const pod = await node.until('sidecar', 'over', (one) => one?.status?.phase === 'Succeeded')
  assert.equal(pod?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 0)
  await node.delete('sidecar')
})

test("hostNetwork is the node's own network, and its name", async () => {
  const out = await node.sh(
    'onhost',
    'readlink /proc/self/ns/net; cat /etc/resolv.conf; echo "$(uname -n) $HOSTNAME"',
    {},
    { hostNetwork: true, dnsPolicy: 'Default' },
  )
  assert.match(out, /nameserver 192\.0\.2\.1/)
  assert.match(out, /^node1 node1$/m)
  const pod = await node.client.get('Pod', 'onhost', 'default')
  assert.equal(pod?.status?.podIP, '192.168.50.11')
  await node.delete('onhost')
})

test('device files work in /dev only: one that root makes elsewhere, in a volume perhaps, would open a disk of this machine', async () => {
  const out = await node.sh(
    'devices',
    `while read -r _ _ _ _ at flags _; do case ",$flags," in *,nodev,*) ;; *) echo $at;; esac; done < /proc/self/mountinfo | sort
     (: > /dev/null) && echo works`,
    {
      volumeMounts: [
        { name: 'data', mountPath: '/data' },
        { name: 'memory', mountPath: '/memory' },
        { name: 'data', mountPath: '/sub', subPath: 'below' },
        { name: 'here', mountPath: '/here' },
      ],
    },
    {
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory' } },
        { name: 'here', hostPath: { path: folder } },
      ],
    },
  )
  const places = out.trim().split('\n')
  assert.equal(places.pop(), 'works')
  for (const place of places) assert.match(place, /^\/(dev|proc)\//, out)
  await node.delete('devices')
})

test('what a container writes to its own directories has a limit', async () => {
  const out = await node.sh(
    'sizes',
    `for at in /tmp /run /dev /dev/shm; do stat -f -c '%b %S' $at | while read blocks size; do [ $blocks -gt 0 ] && echo $((blocks * size)); done; done`,
  )
  const sizes = out.trim().split('\n').map(Number)
  assert.equal(sizes.length, 4, out)
  for (const size of sizes) assert.ok(size <= 512 * 1024 * 1024, out)
  await node.delete('sizes')
})
