import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Bundled, killBefore, noStrace, strace } from './strace.ts'

const names = ['kubehop', '10-kubehop.conflist']

/** What somebody has installed, and wants otherwise: both files change. */
class Machine implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'cni-install-'))
  readonly #product: Bundled
  readonly #whole: Map<string, string[]>

  constructor(product: Bundled) {
    this.#product = product
    mkdirSync(join(this.folder, 'net.d'))
    const [old, fresh] = (['old', 'new'] as const).map((wish) => {
      const [program = '', ...args] = this.command(wish)
      const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      return this.read()
    })
    assert.ok(old?.every((file, at) => file !== fresh?.[at]))
    this.#whole = new Map(names.map((name, at) => [name, [old?.[at] ?? '', fresh?.[at] ?? '']]))
    this.reset()
  }

  command(wish: 'old' | 'new'): string[] {
    const folders = ['--bin-dir', this.folder, '--conf-dir', join(this.folder, 'net.d')]
    const wishes =
      wish === 'old' ? ['--socket', '/run/old', '--subnet', '10.1.0.0/16'] : ['--socket', '/run/new', '--script']
    return [process.execPath, this.#product.path, 'cni', 'install', ...folders, ...wishes]
  }

  #paths(): string[] {
    return [join(this.folder, 'kubehop'), join(this.folder, 'net.d/10-kubehop.conflist')]
  }

  read(): string[] {
    return this.#paths().map((path) => readFileSync(path, 'latin1'))
  }

  /** What was there before is there again. */
  reset(): void {
    for (const [at, path] of this.#paths().entries())
      writeFileSync(path, this.#whole.get(names[at] ?? '')?.[0] ?? '', 'latin1')
  }

  /** Each file as it was, or as it will be. */
  assertWhole(when: string): void {
    for (const [at, file] of this.read().entries()) {
      const name = names[at] ?? ''
      assert.ok(this.#whole.get(name)?.includes(file), `${name} has ${file.length} bytes of neither, ${when}`)
    }
  }

  /** Beside what is installed. */
  others(): string[] {
    const found = [...readdirSync(this.folder), ...readdirSync(join(this.folder, 'net.d'))]
    return found.filter((name) => name !== 'net.d' && !names.includes(name))
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

test('killed before any write, fsync or rename, install leaves the old file or the new one, whole; the next install sweeps what it left beside them', {
  skip: noStrace,
}, async () => {
  using product = await Bundled.of('src/cli/main.ts')
  using machine = new Machine(product)
  const left = new Set<string>()
  let kills = 0
  for (const call of ['write', 'fsync', 'rename'])
    for (let nth = 1; ; nth++) {
      const { status, signal, stderr } = spawnSync(...strace(...killBefore(call, nth), ...machine.command('new')), {
        encoding: 'utf8',
      })
      machine.assertWhole(`killed at ${call} number ${nth}`)
      // A kill leaves one; what the kills before it left is gone.
      if (signal !== 'SIGKILL') {
        assert.equal(status, 0, stderr)
        assert.deepEqual(machine.others(), [])
        break
      }
      assert.ok(machine.others().length <= 1, String(machine.others()))
      for (const name of machine.others()) left.add(name.replace(/\.\d+$/, ''))
      machine.reset()
      kills++
    }
  // Of each file: its bytes, its fsync, its folder's fsync, its rename.
  assert.ok(kills >= 8, `only ${kills}`)
  assert.deepEqual([...left].toSorted(), ['.10-kubehop.conflist', '.kubehop'])
})

test('who reads while install writes has the old file or the new one, whole', { skip: noStrace }, async () => {
  using product = await Bundled.of('src/cli/main.ts')
  using machine = new Machine(product)
  const calls = 'write,fsync,rename'
  const slowly = ['-qq', '-o', '/dev/null', '-e', `trace=${calls}`, '-e', `inject=${calls}:delay_enter=20ms`]
  const child = spawn(...strace(...slowly, ...machine.command('new')), { stdio: 'ignore' })
  const exited = once(child, 'exit')
  let reads = 0
  for (; child.exitCode === null && child.signalCode === null; reads++) {
    machine.assertWhole(`at read ${reads}`)
    await setImmediate()
  }
  assert.deepEqual(await exited, [0, null])
  assert.ok(reads > 100, `only ${reads}`)
})

test('install sweeps only what an install left that is over', async () => {
  using product = await Bundled.of('src/cli/main.ts')
  using machine = new Machine(product)
  // No process has a number beyond 2^22 (PID_MAX_LIMIT).
  const gone = ['.kubehop.4194305', 'net.d/.10-kubehop.conflist.4194305']
  const others = [`.kubehop.${process.pid}`, '.kubehop.orig', 'kubehop.4194305', '.other.4194305']
  for (const name of [...gone, ...others]) writeFileSync(join(machine.folder, name), '')
  const [program = '', ...args] = machine.command('old')
  assert.equal(spawnSync(program, args).status, 0)
  assert.deepEqual(machine.others().toSorted(), others.toSorted())
})
