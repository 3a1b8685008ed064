// What a program finds around itself: environment, names, its token, the network.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

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
