import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

/** A trace that a lab never answers: it says what it is asked, a line each. */
const program = `
import { trace } from ${JSON.stringify(new URL('trace.ts', import.meta.url).href)}
setInterval(() => {}, 1000)
const forever = new Promise(() => {})
await trace(process.argv.slice(1), {
  request: () => (console.log('asked'), forever),
  async *stream() {
    console.log('asked')
    yield { kind: 'pcap', bytes: 'eA==' }
    await forever
  },
  stop: async () => console.log('told to stop'),
})`

/** How it ended, and its words, when each of these signals came once it had said a line more. */
async function traced(words: string[], signals: NodeJS.Signals[]): Promise<{ ended: unknown[]; said: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, '--', ...words], { stdio: 'pipe' })
  const said = text(child.stderr)
  const left = [...signals]
  createInterface(child.stdout).on('line', () => child.kill(left.shift()))
  const ended = await once(child, 'exit')
  return { ended, said: await said }
}

const interrupted = 'kubehop trace: interrupted\n'

test('a trace that is interrupted says so, ends by that signal, and leaves no half capture', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-interrupt-'))
  const file = join(folder, 'a.pcapng')
  writeFileSync(file, 'older')
  try {
    assert.deepEqual(await traced(['client', 'web:80'], ['SIGINT']), { ended: [null, 'SIGINT'], said: interrupted })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const one = await traced(['client', 'web:80', '--pcap', file], [signal])
      assert.deepEqual(one, { ended: [null, signal], said: interrupted })
      assert.deepEqual([readdirSync(folder), readFileSync(file, 'utf8')], [['a.pcapng'], 'older'])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('of many requests the first Ctrl-C ends the sending, the second the program', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-interrupt-'))
  try {
    const words = ['client', 'web:80', '--count', '9', '--pcap', join(folder, 'a.pcapng')]
    const { ended, said } = await traced(words, ['SIGINT', 'SIGINT'])
    assert.deepEqual(ended, [null, 'SIGINT'])
    assert.match(said, /^kubehop trace: no more are sent; [^\n]*\nkubehop trace: interrupted\n$/)
    assert.deepEqual(readdirSync(folder), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
