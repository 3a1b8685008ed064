import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kubeconfig } from '../../src/api/client/kubeconfig.ts'
import type { Connection } from '../../src/api/client/http.ts'
import { pin } from '../harness/cores.ts'
import { launcherOptions, startHelper } from '../harness/helper.ts'
import type { Program } from '../harness/programs.ts'
import { Asker } from './asker.ts'
import { addressesOf, type Member, zone } from './cluster.ts'
import { zoneForUnbound } from './unbound.ts'

export type Name = 'ours' | 'echo' | 'unbound' | 'CoreDNS'

export interface Contestant {
  readonly pid: number
  readonly port: number
  /** From the start of the process to its first right answer. */
  readonly readyMs: number
  close(): void
}

export interface Field {
  readonly all: readonly Member[]
  /** The API server's. */
  readonly connection: Connection
  /** The only one that a contestant has; undefined: any. */
  readonly core: number | undefined
}

/** In a namespace of one's own every port is free. */
const ports = { unbound: 5301, coredns: 5302 }
const patienceMs = 60_000

/** As the launcher starts it. */
export async function startOurs({ all, connection, core }: Field): Promise<Contestant> {
  const begun = performance.now()
  const file = join(import.meta.dirname, 'ours.ts')
  const child = startHelper<Connection, { port: number }>({ file, core, execArgv: launcherOptions() })
  const { port } = await child.ask(connection)
  await answers(port, all)
  return { pid: child.pid, port, readyMs: performance.now() - begun, close: () => child.close() }
}

export async function startEcho({ core }: Field): Promise<Contestant> {
  const begun = performance.now()
  const file = join(import.meta.dirname, 'echo.ts')
  const child = startHelper<never, { port: number }>({ file, core, execArgv: launcherOptions() })
  const { port } = await child.hear()
  return { pid: child.pid, port, readyMs: performance.now() - begun, close: () => child.close() }
}

export async function startUnbound(program: Program, { all, core }: Field): Promise<Contestant> {
  const port = ports.unbound
  return startProgram(program, { 'unbound.conf': zoneForUnbound(all, port) }, ['-c', 'unbound.conf'], {
    all,
    core,
    port,
  })
}

/** As kubeadm installs it: its cache leaves names of the cluster alone. */
export async function startCoreDns(program: Program, { all, core, connection }: Field): Promise<Contestant> {
  const port = ports.coredns
  const { server, ca = '', cert = '', key = '' } = connection
  const files = {
    kubeconfig: kubeconfig({ server, ca, cert, key }),
    Corefile: `.:${port} {
    bind 127.0.0.1
    errors
    kubernetes ${zone} in-addr.arpa {
        kubeconfig kubeconfig
        pods insecure
        ttl 30
    }
    prometheus 127.0.0.1:9153
    cache 30 {
        disable success ${zone}
        disable denial ${zone}
    }
    loadbalance
}
`,
  }
  return startProgram(program, files, ['-conf', 'Corefile'], { all, core, port })
}

async function startProgram(
  program: Program,
  files: Readonly<Record<string, string>>,
  args: string[],
  { all, core, port }: { all: readonly Member[]; core: number | undefined; port: number },
): Promise<Contestant> {
  const cwd = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
  const begun = performance.now()
  const child = spawn(program.path, args, {
    cwd,
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const close = (): void => {
    child.kill('SIGKILL')
    rmSync(cwd, { recursive: true, force: true })
  }
  const pid = child.pid ?? 0
  if (core !== undefined && child.pid !== undefined) pin(pid, core)
  const enough = new AbortController()
  try {
    await Promise.race([answers(port, all, enough.signal), ended(program.path, child)])
  } catch (error) {
    close()
    throw error
  } finally {
    enough.abort()
  }
  return { pid, port, readyMs: performance.now() - begun, close }
}

/** Fulfilled when it knows every service: the last one is answered as it should be. */
async function answers(port: number, all: readonly Member[], signal?: AbortSignal): Promise<void> {
  using asker = await Asker.open(port)
  const last = all.at(-1)
  if (last) await asker.until(last.fullName, addressesOf(last), { patienceMs, signal })
}

/** Rejects when it ends. */
function ended(program: string, child: ChildProcess): Promise<never> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-500)
  })
  return new Promise((_, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${program} ended: ${said.trim()}`)))
  })
}
