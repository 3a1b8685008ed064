import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { clusterDefaults } from '../dns/config/config.ts'
import { printConfig } from '../dns/config/file.ts'
import { dns } from './dns.ts'
import { overrideBy } from './dns-flags.ts'
import { UsageError } from './usage.ts'

test('what is configured can be printed, by file, by Corefile and by flags', async (t) => {
  const file = fileOf(t, 'ttl: 5s\nzone: a.example\n')
  const corefile = fileOf(t, '.:5353 {\n  kubernetes b.example\n}\n')
  const printed = async (...args: string[]): Promise<string> => (await run(t, '--print', ...args)).out
  assert.equal(await printed(), printConfig(clusterDefaults))
  assert.equal(await printed('--config', file), printConfig({ ...clusterDefaults, ttl: 5, zone: 'a.example' }))
  assert.match(await printed('--corefile', corefile), /^zone: b\.example\nttl: 5s\n[^]*\n {2}- 0\.0\.0\.0:5353\n/)
  assert.match(await printed('--config', file, '--zone', 'c.example.'), /^zone: c\.example\nttl: 5s\n/)
})

test('a wrong file ends the program with 2 and the list of what is wrong', async (t) => {
  const file = fileOf(t, 'ttl: 5\nforwrd: []\n')
  assert.deepEqual(await run(t, '--config', file), {
    code: 2,
    out: '',
    error: `${file}:1: ttl: "5" is given; allowed is whole seconds with the unit, such as 30s, from 0s to 1h
${file}:2: forwrd: there is no option "forwrd"; did you mean forward?
`,
  })
  const corefile = fileOf(t, '. {\n  kubernetes a.b\n  rewrite name a b\n}\n')
  const { code, error } = await run(t, '--corefile', corefile)
  assert.deepEqual([code, error.startsWith(`${corefile}:3: rewrite: not supported; `)], [2, true])
  const importing = fileOf(t, '. {\n  kubernetes a.b\n  import *.override\n  import *.conf\n}\n')
  assert.equal(
    (await run(t, '--corefile', importing)).error,
    `${importing}:4: import: not supported; copy the lines of dns.conf here\n`,
  )
  const gone = await run(t, '--config', `${file}.gone`)
  assert.deepEqual([gone.code, gone.error.startsWith(`${file}.gone: it cannot be read: ENOENT`)], [2, true])
})

test('flags that do not fit the file are told as such', async (t) => {
  const file = fileOf(t, 'stub: {a.example: [192.0.2.1]}\n')
  const { code, error } = await run(t, '--config', file, '--zone', 'example')
  assert.equal(code, 2)
  assert.match(
    error,
    /dns\.conf with the options of the command line: stub\.a\.example: "a\.example" is given; allowed/,
  )
  await assert.rejects(dns(['--config', file, '--corefile', file]), UsageError)
  await assert.rejects(dns(['--upstream', 'nowhere']), /--upstream "nowhere" is not an IP address/)
  const none = fileOf(t, 'search lan\n')
  for (const [path, why] of [
    [`${none}.gone`, 'cannot be read: ENOENT'],
    [none, 'names no name server'],
  ] as const)
    await assert.rejects(dns(['--upstream', path]), (error) => {
      assert.ok(error instanceof UsageError)
      assert.ok(error.message.startsWith(`--upstream: ${path} ${why}`), error.message)
      return true
    })
})

test('a flag counts more than the file, and says nothing about the rest', () => {
  const { listen, health, forward } = overrideBy({
    'node-address': '169.254.20.10',
    upstream: ['9.9.9.9', '[2620:fe::fe]:5353'],
  })({ ...clusterDefaults, listen: [{ address: clusterDefaults.listen[0]!.address, port: 5300 }] })
  assert.deepEqual(listen, [{ address: '169.254.20.10', port: 5300 }])
  assert.deepEqual(health, { address: '169.254.20.10', port: 8080 })
  assert.deepEqual(forward?.to, [
    { address: '9.9.9.9', port: 53 },
    { address: '2620:fe::fe', port: 5353 },
  ])
  assert.deepEqual(overrideBy({})(clusterDefaults), clusterDefaults)
})

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'dns.conf'), text)
  return join(folder, 'dns.conf')
}

async function run(t: TestContext, ...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const said = { out: '', error: '' }
  const log = t.mock.method(console, 'log', (text: string) => void (said.out += `${text}\n`))
  const error = t.mock.method(console, 'error', (text: string) => void (said.error += `${text}\n`))
  try {
    return { code: await dns(args), ...said }
  } finally {
    log.mock.restore()
    error.mock.restore()
  }
}
