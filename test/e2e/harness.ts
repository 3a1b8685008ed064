// Starts labs as a person does, from outside, and asks them with the real kubectl.
import assert from 'node:assert/strict'
import { type ExecFileException, execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface Result {
  code: number
  out: string
  err: string
}

const main = resolve('src/cli/main.ts')

/** A folder of its own for state, so that tests neither see nor touch a person's labs. */
export function freshState(): { env: Record<string, string>; folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'kh-'))
  return {
    env: { KUBEHOP_STATE: join(folder, 'state') },
    folder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export function run(file: string, args: string[], env: Record<string, string> = {}, input = ''): Promise<Result> {
  return new Promise((done) => {
    const child = execFile(
      file,
      args,
      {
        env: { ...process.env, NO_COLOR: '1', ...env },
        encoding: 'utf8',
        maxBuffer: 64 * 1024 * 1024,
        timeout: 120_000,
      },
      (error: ExecFileException | null, out, err) =>
        done({ code: error ? (typeof error.code === 'number' ? error.code : 255) : 0, out, err }),
    )
    // One that ends without reading its input says by its code whether it failed.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

export interface TestLab {
  name: string
  env: Record<string, string>
  folder: string
  kubehop(...args: string[]): Promise<Result>
  kubectl(...args: string[]): Promise<Result>
  /** kubectl with its answer as JSON. */
  json<T>(...args: string[]): Promise<T>
  /** Applies YAML text. */
  apply(yaml: string): Promise<void>
  /** Asks again on each turn until the answer is accepted: for what only a poll can show from outside. */
  until<T>(what: string, ask: () => Promise<T>, accept: (answer: T) => boolean, seconds?: number): Promise<T>
  /** The pid here, outside, of a process of this lab whose title begins so: `kubehop node node1`. */
  pidOf(title: string): number | undefined
  down(): Promise<void>
}

/** `kubehop up`; fails the test with everything that was said when it does not come up. */
export async function startTestLab(name: string, ...args: string[]): Promise<TestLab> {
  const state = freshState()
  const kubehop = (...words: string[]): Promise<Result> => run(process.execPath, [main, ...words], state.env)
  const started = await kubehop('up', name, ...args)
  if (started.code !== 0) {
    // What came up in part must not stay.
    await kubehop('down', name)
    state.remove()
    assert.fail(`${started.out}\n${started.err}`)
  }
  const kubeconfig = (await kubehop('kubeconfig', name)).out.trim()
  const kubectl = (...words: string[]): Promise<Result> =>
    run(
      process.env['KUBECTL'] ?? 'kubectl',
      ['--kubeconfig', kubeconfig, '--cache-dir', join(state.folder, 'cache'), ...words],
      state.env,
    )
  return {
    name,
    env: state.env,
    folder: state.folder,
    kubehop,
    kubectl,
    async json<T>(...words: string[]): Promise<T> {
      const { code, out, err } = await kubectl(...words, '-o', 'json')
      assert.equal(code, 0, err)
      return JSON.parse(out) as T
    },
    async apply(yaml) {
      const file = join(state.folder, 'manifest.yaml')
      writeFileSync(file, yaml)
      const { code, out, err } = await kubectl('apply', '-f', file)
      assert.equal(code, 0, `${out}\n${err}`)
    },
    async until(what, ask, accept, seconds = 30) {
      const end = Date.now() + seconds * 1000
      for (;;) {
        const answer = await ask()
        if (accept(answer)) return answer
        assert.ok(Date.now() < end, `${what}: not within ${seconds} s; last: ${JSON.stringify(answer)}`)
        await new Promise((next) => setTimeout(next, 50))
      }
    },
    pidOf: (title) => pidOf(title, state.folder),
    async down() {
      const { code, err } = await kubehop('down', name)
      assert.equal(code, 0, err)
      state.remove()
    },
  }
}

/** A lab's processes have its folder among their arguments. */
function pidOf(title: string, folder: string): number | undefined {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => {
      try {
        const words = readFileSync(join('/proc', String(pid), 'cmdline'), 'utf8')
        return words.startsWith(title) && words.includes(folder)
      } catch {
        return false // it ended meanwhile
      }
    })
}
