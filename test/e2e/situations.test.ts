// The situations of the picture, one cluster, asked from outside with the real kubectl and the kernel's own tables.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import type { Node } from '../../src/api/objects/node.ts'
import type { Pod } from '../../src/api/objects/pod.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab

/** Answers each connection with the name of its pod and who asked. */
const answer = (port: number): string =>
  `require('node:http').createServer((q,r)=>r.end(process.env.HOSTNAME+' '+q.socket.remoteAddress)).listen(${port},'0.0.0.0')`

const pod = (name: string, node: string, more = ''): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  nodeName: ${node}
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: host
      command: [node, -e, "${answer(8080)}"]
      readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
${more}
---`

before(async () => {
  lab = await startTestLab('situations', '--nodes', '2')
  await lab.apply(`
${pod('a', 'node1')}
${pod('b', 'node1')}
${pod('c', 'node2')}
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: host
          command: [node, -e, "${answer(8080)}"]
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { port: http } }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  selector: { app: web }
  ports: [{ port: 80, targetPort: http }]
---
apiVersion: v1
kind: Service
metadata: { name: a }
spec:
  selector: { app: a }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: nobody }
spec:
  selector: { app: nobody }
  ports: [{ port: 80 }]
---
apiVersion: v1
kind: Service
metadata: { name: heads }
spec:
  clusterIP: None
  selector: { part: heads }
  ports: [{ port: 8080 }]
---
apiVersion: v1
kind: Pod
metadata: { name: head-1, labels: { part: heads } }
spec:
  hostname: first
  subdomain: heads
  nodeName: node2
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: host, command: [sleep, infinity] }]
---
apiVersion: v1
kind: Pod
metadata: { name: two }
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 1
  containers:
    - { name: server, image: host, command: [node, -e, "${answer(9000)}"] }
    - { name: neighbour, image: host, command: [sleep, infinity] }
---
apiVersion: v1
kind: Pod
metadata: { name: collide }
spec:
  nodeName: node1
  terminationGracePeriodSeconds: 1
  containers:
    - { name: first, image: host, command: [node, -e, "${answer(80)}"] }
    - { name: second, image: host, command: [sh, -c, "sleep 0.5; exec node -e \\"${answer(80)}\\""] }
`)
  const { code, err } = await lab.kubectl(
    'wait',
    '--for=condition=Ready',
    'pod/a',
    'pod/b',
    'pod/c',
    'pod/two',
    'pod/head-1',
    '--timeout=30s',
  )
  assert.equal(code, 0, err)
  const rollout = await lab.kubectl('rollout', 'status', 'deployment/web', '--timeout=30s')
  assert.equal(rollout.code, 0, rollout.err)
})
after(async () => lab?.down())

const fetchFrom = async (from: string, url: string, container = 'main'): Promise<string> => {
  const script = `fetch('${url}').then(r=>r.text()).then(t=>process.stdout.write(t),e=>{console.log(e.cause?.code??e.message);process.exit(1)})`
  const { out } = await lab.kubectl('exec', from, '-c', container, '--', 'node', '-e', script)
  return out.trim()
}
const podNamed = (name: string): Promise<Pod> => lab.json<Pod>('get', 'pod', name)
const addressOf = async (name: string): Promise<string> => (await podNamed(name)).status?.podIP ?? ''

test('containers of one pod talk over localhost', async () => {
  assert.match(await fetchFrom('two', 'http://127.0.0.1:9000/', 'neighbour'), /^two 127\.0\.0\.1$/)
})

test('two containers that bind one port collide: EADDRINUSE, restarts with backoff, and kubectl shows it', async () => {
  const pods = await lab.until(
    'the second container backs off',
    async () => (await lab.kubectl('get', 'pod', 'collide')).out,
    (out) => /collide\s+1\/2\s+CrashLoopBackOff\s+[1-9]/.test(out),
  )
  assert.match(pods, /collide/)
  const { out } = await lab.kubectl('logs', 'collide', '-c', 'second', '--previous')
  assert.match(out, /EADDRINUSE/)
  const described = (await lab.kubectl('describe', 'pod', 'collide')).out
  assert.match(described, /Back-?off/i)
  assert.match(described, /Reason:\s+CrashLoopBackOff/)
})

test('killing every container leaves the address and the namespace; they come back into the same ones', async () => {
  const before = await podNamed('b')
  const netns = async (): Promise<string> => (await lab.kubectl('exec', 'b', '--', 'readlink', '/proc/self/ns/net')).out
  const namespace = await netns()
  process.kill(firstProcess('default/b/main'), 'SIGKILL')
  const now = await lab.until(
    'the container is back',
    () => podNamed('b'),
    ({ status }) => status?.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready,
  )
  assert.equal(now.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode, 137)
  assert.equal(now.status?.podIP, before.status?.podIP)
  assert.equal(await netns(), namespace)
  assert.equal(await fetchFrom('a', `http://${now.status?.podIP}:8080/`), `b ${await addressOf('a')}`)
})

/** The pid, here, of a container's first process: the child of its shim, in this lab. */
function firstProcess(container: string): number {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
        return { pid: Number(pid), parent, words: readFileSync(`/proc/${pid}/cmdline`, 'utf8') }
      } catch {
        return [] // it ended meanwhile
      }
    })
  const agents = processes.filter(({ words }) => words.startsWith('kubehop node ') && words.includes(lab.folder))
  const shim = processes.find(
    ({ parent, words }) => words.startsWith(`kubehop shim ${container}`) && agents.some(({ pid }) => pid === parent),
  )
  const first = processes.find(({ parent }) => parent === shim?.pid)
  assert.ok(first, `no process of ${container}`)
  return first.pid
}

test('a pod is an address on eth0, its cable ends as vethN on cbr0', async () => {
  const { out } = await lab.kubectl(
    'exec',
    'a',
    '--',
    'node',
    '-p',
    "JSON.stringify(require('node:os').networkInterfaces().eth0)",
  )
  const interfaces = JSON.parse(out) as { address: string; cidr: string; family: string }[]
  assert.equal(interfaces.find((each) => each.family === 'IPv4')?.cidr, `${await addressOf('a')}/24`)
})

test('node ranges are given out and stand in node.spec.podCIDR; addresses come from them', async () => {
  const { items } = await lab.json<{ items: Node[] }>('get', 'nodes')
  const ranges = items.map((node) => [node.metadata.name, node.spec?.podCIDR])
  assert.deepEqual(ranges.map(([, range]) => range).toSorted(), ['100.96.1.0/24', '100.96.2.0/24'])
  const range = ranges.find(([name]) => name === 'node1')?.[1]?.replace('0/24', '') ?? '?'
  assert.ok((await addressOf('a')).startsWith(range))
})

test('pods reach each other on one node and across nodes, and see each other under their own addresses', async () => {
  assert.equal(await fetchFrom('a', `http://${await addressOf('b')}:8080/`), `b ${await addressOf('a')}`)
  assert.equal(await fetchFrom('a', `http://${await addressOf('c')}:8080/`), `c ${await addressOf('a')}`)
})

test('a service spreads connections over all its ready pods, and a pod reaches itself through its service', async () => {
  const script = `(async()=>{const seen={};for(let i=0;i<60;i++){const t=await(await fetch('http://web/',{headers:{connection:'close'}})).text();const n=t.split(' ')[0];seen[n]=(seen[n]??0)+1}console.log(JSON.stringify(seen))})()`
  const { out } = await lab.kubectl('exec', 'a', '--', 'node', '-e', script)
  const seen = Object.values(JSON.parse(out) as Record<string, number>)
  assert.equal(seen.length, 3, out)
  assert.equal(
    seen.reduce((sum, each) => sum + each),
    60,
  )
  assert.match(await fetchFrom('a', 'http://a.default/'), /^a /)
})

test('a service without endpoints refuses', async () => {
  assert.equal(await fetchFrom('a', 'http://nobody/'), 'ECONNREFUSED')
})

test('names: short, with namespace, whole, headless, hostname and subdomain, and those that are none', async () => {
  const lookup = async (name: string): Promise<string> =>
    (await lab.kubectl('exec', 'a', '--', 'getent', 'ahostsv4', name)).out.split(/\s/)[0] ?? ''
  const web = (await lab.json<{ spec: { clusterIP: string } }>('get', 'service', 'web')).spec.clusterIP
  for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local'])
    assert.equal(await lookup(name), web, name)
  assert.equal(await lookup('heads'), await addressOf('head-1'))
  assert.equal(await lookup('first.heads.default.svc.cluster.local'), await addressOf('head-1'))
  assert.equal(await lookup('kubernetes.default'), '100.64.0.1')
  assert.equal(await lookup('nosuch'), '')
  assert.equal(await lookup('example.com'), '')
})

test('pods get resolv.conf, hosts and hostname as kubelet writes them', async () => {
  const read = async (path: string): Promise<string> => (await lab.kubectl('exec', 'a', '--', 'cat', path)).out
  assert.equal(
    await read('/etc/resolv.conf'),
    'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 100.64.0.10\noptions ndots:5\n',
  )
  assert.ok((await read('/etc/hosts')).includes(`${await addressOf('a')}\ta\n`))
  assert.equal((await read('/etc/hostname')).trim(), 'a')
})

test('the API is a service in the cluster', async () => {
  const script =
    "const s='/var/run/secrets/kubernetes.io/serviceaccount/',f=require('node:fs');require('node:https').get('https://kubernetes.default/api/v1/namespaces/default',{ca:f.readFileSync(s+'ca.crt'),headers:{authorization:'Bearer '+f.readFileSync(s+'token')}},r=>{r.resume();console.log(r.statusCode)})"
  assert.equal((await lab.kubectl('exec', 'a', '--', 'node', '-e', script)).out.trim(), '200')
})

test('this machine is read-only from a pod, but for its own /tmp', async () => {
  const { code, err } = await lab.kubectl('exec', 'a', '--', 'sh', '-c', 'echo x > /usr/kubehop-was-here')
  assert.notEqual(code, 0)
  assert.match(err, /Read-only file system/i)
  assert.equal((await lab.kubectl('exec', 'a', '--', 'sh', '-c', 'echo x > /tmp/y && cat /tmp/y')).out, 'x\n')
})
