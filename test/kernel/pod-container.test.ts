// What a container is shut in: its files, its processes, its rights.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { leaveForOwnNetwork, makeNode, type Node, nodeInside } from './pod-world.ts'

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
