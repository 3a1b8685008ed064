import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The kubectl to test with: KUBECTL, or the one in PATH; or why there is none. */
export function findKubectl(): { path: string } | { skip: string } {
  const path = process.env['KUBECTL'] || 'kubectl'
  const { error } = spawnSync(path, ['version', '--client'])
  return error ? { skip: `no kubectl: ${path} cannot be run (set KUBECTL to one)` } : { path }
}

export interface Output {
  code: number
  out: string
  err: string
}

/** kubectl against one cluster, with a home of its own. */
export class Kubectl implements Disposable {
  readonly #path: string
  readonly folder: string

  constructor(path: string, kubeconfig: string) {
    this.#path = path
    this.folder = mkdtempSync(join(tmpdir(), 'kubehop-kubectl-'))
    writeFileSync(join(this.folder, 'kubeconfig'), kubeconfig, { mode: 0o600 })
  }

  /** What kubectl printed; throws when it failed. */
  async run(...args: string[]): Promise<string> {
    const { code, out, err } = await this.try(args)
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: exit ${code}: ${err}${out}`)
    return out
  }

  /** With `input` on its standard input, whatever it exits with. */
  try(args: string[], input = ''): Promise<Output> {
    return new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], HOME: this.folder, KUBECONFIG: join(this.folder, 'kubeconfig') }
      const child = execFile(this.#path, args, { env, timeout: 30_000, maxBuffer: 64 << 20 }, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, out, err })
      })
      child.stdin?.end(input)
    })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

/** A table's rows as lists of words. */
export function rows(table: string): string[][] {
  return table
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/\s{2,}|\s+$/).filter((word) => word !== ''))
}
