import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { codeOf } from '../../base/errors.ts'
import type { CommandName } from './environment.ts'
import { CniError } from './error.ts'
import { type Fields, isFields } from './input.ts'

/** One call of another plugin, as a runtime would make it. */
export interface Ask {
  command: CommandName
  /** Its file's name in CNI_PATH, `type` of its configuration. */
  plugin: string
  /** Of the runtime's call; only CNI_COMMAND is ours. */
  env: NodeJS.ProcessEnv
  /** The complete configuration, as the runtime gave it. */
  config: Fields
  /** After so long it is killed, with all that it started. */
  patienceMs: number
}

const mostBytes = 1 << 20

/**
 * Runs the plugin and gives what it wrote to stdout ("Plugin Delegation" of the specification). Its errors are thrown with its own code and
 * words; whatever else goes wrong says which program it was and what to do.
 */
export function askPlugin(ask: Ask): string {
  const { command, plugin, env, config, patienceMs } = ask
  const program = find(plugin, env['CNI_PATH'] ?? '')
  const options = {
    env: { ...env, CNI_COMMAND: command },
    input: JSON.stringify(config),
    encoding: 'utf8',
    timeout: patienceMs,
    killSignal: 'SIGKILL',
    maxBuffer: mostBytes,
    // A process group of its own, so that what it started goes with it. (The types do not know that spawnSync does this, too.)
    detached: true,
  } as const
  const said = spawnSync(program, [], options)
  if (said.stderr) process.stderr.write(said.stderr)
  // EPIPE: it did not read its configuration to the end, which it need not.
  if (said.error !== undefined && codeOf(said.error) !== 'EPIPE') throw unable(ask, program, said)
  if (said.signal !== null) throw failed(program, `was killed by ${said.signal} while it did ${command}`)
  if (said.status === 0) return said.stdout
  throw itsError(said.stdout) ?? failed(program, `ended with ${said.status} at ${command} and ${wordsOf(said)}`)
}

/** The error that a plugin answers with; undefined: what it wrote is none. */
export function itsError(stdout: string): CniError | undefined {
  let found: unknown
  try {
    found = JSON.parse(stdout)
  } catch {
    return undefined
  }
  if (!isFields(found)) return undefined
  const { code, msg, details } = found
  if (typeof code !== 'number' || !Number.isInteger(code) || code < 1 || typeof msg !== 'string') return undefined
  return new CniError(code, msg, typeof details === 'string' ? details : '')
}

/** It never ran, so it has nothing to take back. */
export class NotStarted extends CniError {}

/** The first file of that name, as libcni looks for it. */
function find(plugin: string, path: string): string {
  if (plugin.includes('/') || plugin.includes('\0') || plugin === '.' || plugin === '..')
    throw new NotStarted('badConfig', `ipam.type ${JSON.stringify(plugin.slice(0, 60))} is no file's name`)
  const folders = path.split(delimiter).filter((folder) => folder !== '')
  for (const folder of folders) {
    const program = join(folder, plugin)
    if (statSync(program, { throwIfNoEntry: false })?.isFile()) return program
  }
  throw new NotStarted(
    'failed',
    `the IPAM plugin ${JSON.stringify(plugin)} is in no folder of CNI_PATH (${folders.join(', ')}): install it there, or name another in ipam.type`,
  )
}

function unable({ command, patienceMs }: Ask, program: string, said: SpawnSyncReturns<string>): CniError {
  const code = codeOf(said.error)
  if (code === 'ETIMEDOUT') {
    endGroup(said.pid)
    return failed(program, `did not end ${command} within ${patienceMs / 1000} s (ipamTimeout), and was killed`)
  }
  if (code === 'ENOBUFS') {
    endGroup(said.pid)
    return failed(program, `answered ${command} with more than ${mostBytes} bytes`)
  }
  if (code === 'EACCES') return notStarted(program, 'is not executable: chmod +x')
  const why = code === 'ENOENT' ? 'its interpreter is missing' : (said.error?.message ?? code)
  return notStarted(program, `cannot be started: ${why}`)
}

function notStarted(program: string, say: string): CniError {
  return new NotStarted('failed', `the IPAM plugin ${program} ${say}`)
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    // Nothing is left of it.
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

function wordsOf({ stdout, stderr }: SpawnSyncReturns<string>): string {
  const words = (stdout.trim() || stderr.trim()).slice(0, 200)
  return words === '' ? 'no word' : `no CNI error, but ${JSON.stringify(words)}`
}

function failed(program: string, say: string): CniError {
  return new CniError('failed', `the IPAM plugin ${program} ${say}`)
}
