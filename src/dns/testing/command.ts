import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Dns } from '../dns.ts'

export interface Command extends AsyncDisposable {
  readonly child: ChildProcess
  readonly ports: Dns['ports']
  /** Lines of the log, as objects; grows. */
  readonly lines: readonly Line[]
  /** The first line that fits, when it is there. */
  line(fits: (line: Line) => boolean): Promise<Line>
  /** Its code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

export interface Line {
  readonly msg: string
  readonly [field: string]: unknown
}

/** `kubehop dns` as a process of its own, with a configuration file, when it answers. */
export async function dnsCommand({ kubeconfig, config }: { kubeconfig: string; config: string }): Promise<Command> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-'))
  writeFileSync(join(folder, 'kubeconfig'), kubeconfig)
  writeFileSync(join(folder, 'dns.yaml'), config)
  const args = ['dns', '--kubeconfig', join(folder, 'kubeconfig'), '--config', join(folder, 'dns.yaml')]
  const child = spawn(
    process.execPath,
    [...process.execArgv, join(import.meta.dirname, '../../cli/main.ts'), ...args],
    {
      stdio: ['ignore', 'inherit', 'pipe'],
    },
  )
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string)
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  const reader = createInterface({ input: child.stderr })
  reader.on('line', (text) => {
    lines.push(text.startsWith('{') ? (JSON.parse(text) as Line) : { msg: text })
    for (const look of waiting) look()
  })
  const line = (fits: (line: Line) => boolean): Promise<Line> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find(fits)
        if (!found) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
      void ended.then(() => reject(new Error(`it ended:\n${lines.map(({ msg }) => msg).join('\n')}`)))
    })
  const dispose = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    reader.close()
    rmSync(folder, { recursive: true })
  }
  try {
    const { ports } = (await line(({ msg }) => msg === 'answering')) as unknown as { ports: Dns['ports'] }
    return { child, ports, lines, line, ended, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}
