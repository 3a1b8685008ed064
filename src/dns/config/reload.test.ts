import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pino } from 'pino'
import type { DnsConfig } from './config.ts'
import { readSource } from './load.ts'
import { keepReloading } from './reload.ts'

test('what an editor writes is in force, whether it writes in place or puts another file there', async (t) => {
  const { folder, path, follow } = made(t)
  const next = follow()
  writeFileSync(path, 'ttl: 10s\n')
  assert.equal((await next()).ttl, 10)

  writeFileSync(join(folder, 'dns.yaml~'), 'ttl: 11s\n')
  renameSync(join(folder, 'dns.yaml~'), path)
  assert.equal((await next()).ttl, 11)

  rmSync(path)
  writeFileSync(path, 'ttl: 12s\n')
  assert.equal((await next()).ttl, 12)
})

test("a Kubernetes volume's file is a link whose folder is put in place anew", async (t) => {
  const { folder, follow } = made(t)
  const volume = join(folder, 'volume')
  const publish = (name: string, text: string): void => {
    mkdirSync(join(volume, name), { recursive: true })
    writeFileSync(join(volume, name, 'dns.yaml'), text)
    symlinkSync(name, join(volume, '..data_tmp'))
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'))
  }
  publish('..2026_1', 'ttl: 1s\n')
  symlinkSync('..data/dns.yaml', join(volume, 'dns.yaml'))
  const next = follow(join(volume, 'dns.yaml'))
  for (const ttl of [2, 3, 4]) {
    publish(`..2026_${ttl}`, `ttl: ${ttl}s\n`)
    rmSync(join(volume, `..2026_${ttl - 1}`), { recursive: true })
    assert.equal((await next()).ttl, ttl)
  }
})

test('a wrong file changes nothing and is counted; so is one that is gone', async (t) => {
  const { path, follow } = made(t)
  const next = follow()
  writeFileSync(path, 'ttl: ten\nzon: a.b\n')
  await assert.rejects(next(), {
    message: `${path}:1: ttl: "ten" is given; allowed is whole seconds with the unit, such as 30s, from 0s to 1h
${path}:2: zon: there is no option "zon"; did you mean zone?`,
  })
  rmSync(path)
  await assert.rejects(next(), /ENOENT/)
  writeFileSync(path, 'ttl: 10s\n')
  assert.equal((await next()).ttl, 10)
})

test('a pipe can be read at the start, and is not asked a second time', async (t) => {
  const { folder, follow } = made(t)
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  spawn('sh', ['-c', 'echo "ttl: 9s" > "$0"', pipe])
  await assert.rejects(follow(pipe)(), /pipe is not a regular file/)
})

test('flags count more than the file, then as at the start', async (t) => {
  const { path, follow } = made(t)
  const next = follow(path, (config) => ({ ...config, ttl: 99 }))
  writeFileSync(path, 'ttl: 10s\nzone: other.zone\n')
  const { ttl, zone } = await next()
  assert.deepEqual([ttl, zone], [99, 'other.zone'])
})

function made(t: TestContext): {
  folder: string
  path: string
  follow: (path?: string, override?: (config: DnsConfig) => DnsConfig) => () => Promise<DnsConfig>
} {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-config-'))
  const path = join(folder, 'dns.yaml')
  writeFileSync(path, '')
  t.after(() => rmSync(folder, { recursive: true }))
  return {
    folder,
    path,
    /** The next configuration that is put into force, or what refused it. */
    follow(file = path, override = (config) => config) {
      const came: (DnsConfig | Error)[] = []
      let wake = (): void => {}
      const put = (one: DnsConfig | Error): void => {
        came.push(one)
        wake()
      }
      let why = ''
      const stream = { write: (line: string) => void (why = (JSON.parse(line) as { why?: string }).why ?? '') }
      const { close } = keepReloading({
        source: { path: file, format: 'yaml', override },
        text: readSource(file),
        dns: {
          reconfigure: async (config) => {
            put(config)
            return []
          },
          // It is logged right after.
          refused: () => queueMicrotask(() => put(new Error(why))),
        },
        log: pino({ level: 'error' }, stream),
      })
      t.after(close)
      return async () => {
        while (came.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        const one = came.shift()
        if (one instanceof Error) throw one
        return one as DnsConfig
      }
    },
  }
}
