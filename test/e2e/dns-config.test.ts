// The cluster's DNS server configured as people do: by a file at the start, and by editing its ConfigMap while it runs.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freshState, run, startTestLab, type TestLab } from './harness.ts'

const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-config-'))
const file = join(folder, 'dns.yaml')
const config = (address: string): string => `ttl: 5s\nhosts: {entries: [${address} own.example]}\n`

let lab: TestLab
before(async () => {
  writeFileSync(file, config('192.0.2.7'))
  lab = await startTestLab('dns-config', '--nodes', '1', '--dns-config', file, '-f', 'examples/shop')
})
after(async () => {
  await lab?.down()
  rmSync(folder, { recursive: true })
})

const inForce = async (): Promise<string> => {
  const { out } = await lab.kubectl('exec', 'client', '--', 'getent', 'hosts', 'own.example')
  return out.trim().replace(/\s+/g, ' ')
}
const edit = async (text: string): Promise<void> => {
  const patch = JSON.stringify({ data: { 'dns.yaml': text } })
  await lab.kubectl('-n', 'kube-system', 'patch', 'configmap', 'cluster-dns', '--type=merge', '-p', patch)
}
const log = async (): Promise<string> =>
  (await lab.kubectl('-n', 'kube-system', 'logs', 'deployment/cluster-dns', '--tail=-1')).out

test("a lab's DNS server has the configuration that the lab was given", async () => {
  assert.equal(await inForce(), '192.0.2.7 own.example')
})

test('who edits the ConfigMap changes it while it runs; a wrong one changes nothing', async () => {
  await edit(config('192.0.2.8'))
  await lab.until('the new configuration', inForce, (said) => said === '192.0.2.8 own.example')
  await edit('hsts: {}\n')
  const said = await lab.until('the complaint', log, (text) => text.includes('is refused'))
  assert.match(said, /dns\.yaml:1: hsts: there is no option \\"hsts\\"; did you mean hosts\?/)
  assert.equal(await inForce(), '192.0.2.8 own.example')
})

test("with kubeadm's Corefile in CoreDNS's ConfigMap, the pods of the Deployment change and nothing else", async () => {
  const kube = async (...words: string[]): Promise<void> => {
    const { code, err } = await lab.kubectl('-n', 'kube-system', ...words)
    assert.equal(code, 0, err)
  }
  await kube('create', 'configmap', 'coredns', '--from-file=Corefile=src/dns/config/corefile/fixtures/kubeadm')
  const patch = [
    ['containers/0/args', ['dns', '--corefile', '/run/coredns/Corefile']],
    ['containers/0/volumeMounts', [{ name: 'config', mountPath: '/run/coredns' }]],
    ['volumes', [{ name: 'config', configMap: { name: 'coredns' } }]],
  ].map(([path, value]) => ({ op: 'replace', path: `/spec/template/spec/${path as string}`, value }))
  await kube('patch', 'deployment', 'cluster-dns', '--type=json', '-p', JSON.stringify(patch))
  await kube('rollout', 'status', 'deployment', 'cluster-dns', '--timeout=30s')
  // Of IPv4 alone: for IPv6 the C library asks for a bare "web" at last, and this machine's name servers are out of a lab's reach.
  const { out } = await lab.kubectl('exec', 'client', '--', 'getent', 'ahostsv4', 'web.default.svc.cluster.local')
  assert.match(out, /^100\.\d+\.\d+\.\d+ +STREAM web\.default\.svc\.cluster\.local/)

  const text = readFileSync('src/dns/config/corefile/fixtures/kubeadm', 'utf8').replace('loop\n', 'rewrite name a b\n')
  await kube('patch', 'configmap', 'coredns', '--type=merge', '-p', JSON.stringify({ data: { Corefile: text } }))
  await lab.until('the complaint', log, (text) => text.includes('Corefile:20: rewrite: not supported; a Service'))
})

test('a wrong file makes no lab', async () => {
  const state = freshState()
  writeFileSync(file, 'ttl: 5\n')
  const { code, err } = await run(process.execPath, ['src/cli/main.ts', 'up', '--dns-config', file], state.env)
  assert.equal(code, 2)
  assert.match(err, /dns\.yaml:1: ttl: "5" is given; allowed is whole seconds/)
  state.remove()
})
