import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { framed } from '../../src/dns/wire/frames.ts'
import type { Program } from '../harness/programs.ts'
import type { Contestant } from './contestants.ts'

/** The program that people measure name servers with, as a second opinion. */
export interface Dnsperf extends Disposable {
  /** Answers a second: as fast as they come, for 8 clients. */
  ask(of: Contestant, seconds: number): Promise<number>
}

/** `core`: the only one it has; undefined: any. */
export function openDnsperf(program: Program, messages: readonly Buffer[], core: number | undefined): Dnsperf {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
  const file = join(folder, 'questions')
  // Whole messages, each behind its length as over TCP: some have an OPT record, others none.
  writeFileSync(file, Buffer.concat(messages.map(framed)))
  return {
    async ask({ port }, seconds) {
      const args = ['-B', '-d', file, '-s', '127.0.0.1', '-p', String(port), '-l', String(seconds)]
      const load = ['-c', '8', '-q', '256', '-T', '1']
      const command = core === undefined ? [program.path] : ['taskset', '-c', String(core), program.path]
      const [first = program.path, ...rest] = [...command, ...args, ...load]
      const { stdout } = await promisify(execFile)(first, rest, { env: { ...process.env, ...program.env } })
      const [, rate] = /Queries per second:\s+([\d.]+)/.exec(stdout) ?? []
      if (rate === undefined) throw new Error(`dnsperf tells no rate:\n${stdout}`)
      return Number(rate)
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
