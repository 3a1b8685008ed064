import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { bundle } from '../../scripts/bundle.ts'

// What Node would write there is no part of what is killed before it writes.
delete process.env['NODE_COMPILE_CACHE']

/** Where scripts/prepare.ts unpacked it; undefined when the machine has its own. */
const folder = process.env['STRACE']
const [program = '', ...before] =
  folder === undefined
    ? ['strace']
    : // The libraries are strace's: what it starts is to have the machine's.
      [
        'env',
        `LD_LIBRARY_PATH=${globSync(join(folder, 'usr/lib/*-linux-gnu')).join(':')}`,
        join(folder, 'usr/bin/strace'),
        '-E',
        'LD_LIBRARY_PATH',
      ]

/** Why tests with it are skipped. */
export const noStrace: string | false =
  spawnSync(program, [...before, '-V']).status === 0 ? false : 'there is no strace here'

/** For `spawn`: strace with these arguments. It ends as what it starts does, also by the same signal. */
export function strace(...args: readonly string[]): [string, string[]] {
  return [program, [...before, ...args]]
}

/** Options that kill the program before it makes this system call for the nth time; a thread counts for itself. */
export function killBefore(call: string, nth: number): string[] {
  return ['-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`]
}

/** Each thread of a program by its number, and the kinds of system call that it made; the first thread first. */
export function callsIn(log: string): Set<string>[] {
  const threads = new Map<string, Set<string>>()
  for (const [, thread = '', call = ''] of readFileSync(log, 'utf8').matchAll(/^(\d+) +(\w+)\(/gm)) {
    const calls = threads.get(thread) ?? new Set()
    threads.set(thread, calls.add(call))
  }
  return [...threads.values()]
}

/** A program in one file, to be started often: from its sources it takes Node five times as long. */
export class Bundled implements Disposable {
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'bundled-'))
  readonly path: string = join(this.#folder, 'program.mjs')

  static async of(entry: string): Promise<Bundled> {
    const bundled = new Bundled()
    symlinkSync(resolve('node_modules'), join(bundled.#folder, 'node_modules'))
    await bundle(entry, bundled.path)
    return bundled
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true })
  }
}
