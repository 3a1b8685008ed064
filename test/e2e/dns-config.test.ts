// The cluster's DNS server configured as people do: by a file at the start, and by editing its ConfigMap while it runs.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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

test('a wrong file makes no lab', async () => {
  const state = freshState()
  writeFileSync(file, 'ttl: 5\n')
  const { code, err } = await run(process.execPath, ['src/cli/main.ts', 'up', '--dns-config', file], state.env)
  assert.equal(code, 2)
  assert.match(err, /dns\.yaml:1: ttl: "5" is given; allowed is whole seconds/)
  state.remove()
})
