import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe } from 'node:test'
import { launch } from '../../../src/kernel/launch/launch.ts'
import { Program, strings } from '../../../src/kernel/launch/program.ts'
import { CLONE_NEWNS, CLOSE_RANGE_CLOEXEC, MS_BIND, MS_REC, MS_SLAVE } from '../../../src/kernel/launch/syscalls.ts'

/** A program and the environment that it needs to start. */
export interface Tool {
  readonly path: string
  readonly env: readonly string[]
}

/** Files that programs find instead of the machine's: `/etc/resolv.conf` and where it lies. */
export type Files = Readonly<Record<string, string>>

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  /** `out` before it was taken for text. */
  readonly bytes: Buffer
}

/** As scripts/prepare.ts unpacked it, or else as it is installed. */
export function toolNamed(name: string): Tool | undefined {
  const unpacked = process.env['DNS_CLIENTS']
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin']
  if (unpacked !== undefined) folders.unshift(...['usr/bin', 'usr/sbin', 'bin'].map((folder) => join(unpacked, folder)))
  const path = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (path === undefined) return undefined
  const own = unpacked !== undefined && path.startsWith(unpacked)
  return { path, env: own ? [`LD_LIBRARY_PATH=${globSync(join(unpacked, 'usr/lib/*-linux-gnu')).join(':')}`] : [] }
}

/** Runs a program to its end. */
export async function run(tool: Tool, args: readonly string[], files: Files): Promise<Ran> {
  const { child, exited } = await start(tool, args, files)
  const [code, bytes, err] = await Promise.all([exited, all(child.stdout), all(child.stderr)])
  return { code, out: bytes.toString(), err: err.toString(), bytes }
}

/** Resolves when the program runs. */
export async function start(
  { path, env }: Tool,
  args: readonly string[],
  files: Files,
): Promise<{ child: ChildProcess; exited: Promise<number> }> {
  const program = new Program()
  program.call('have mounts of its own', 'unshare', CLONE_NEWNS)
  program.call('keep mounts inside', 'mount', 'none', '/', 0, MS_REC | MS_SLAVE, 0)
  for (const [name, file] of Object.entries(files)) program.call(`mount ${name}`, 'mount', file, name, 0, MS_BIND, 0)
  program.call('keep nothing', 'close_range', 3, 0xffff_ffff, CLOSE_RANGE_CLOEXEC)
  program.call(`start ${path}`, 'execve', path, strings([path, ...args]), strings(['LC_ALL=C', 'HOME=/', ...env]))
  return launch(program, { title: 'client', stdio: ['ignore', 'pipe', 'pipe'] })
}

async function all(stream: Readable | null): Promise<Buffer> {
  return stream ? buffer(stream) : Buffer.alloc(0)
}

/** Tests with a program, or one line that says that it is not here. */
export function withProgram(
  name: string,
  files: () => Files,
  tests: (ask: (...args: string[]) => Promise<Ran>) => void,
): void {
  const tool = toolNamed(name)
  void describe(name, { skip: tool ? false : `${name} is not here` }, () => {
    tests((...args) => run(tool ?? assert.fail(), args, files()))
  })
}

/** In order, without empty ones. */
export function lines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}
