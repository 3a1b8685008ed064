import assert from 'node:assert/strict'
import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { launcher, type LauncherOptions } from './launcher.ts'
import { greeting, type Request, RequestReader, writeAnswer } from './protocol.ts'

/** What a launcher left behind. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
}

/** For tests: a launcher in a folder of its own, and a server that does what the test says. */
export class LauncherWorld implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'launcher-'))
  readonly socket: string = join(this.folder, 's')
  readonly path: string = join(this.folder, 'launcher')
  readonly #taken = new Set<Socket>()
  #server: Server | undefined

  /** What it becomes tells its question, its input, and which signals it ignores. */
  write(more: Partial<LauncherOptions> = {}): this {
    const tell = 'echo "alone $QUESTION $(cat) $(grep SigIgn /proc/self/status)"; exit 7'
    const file = launcher({
      socket: this.socket,
      variable: 'QUESTION',
      program: '/bin/sh',
      argv: ['sh', '-c', tell],
      script: '/bin/sh',
      say: { lost: 'lost', unreadable: 'unreadable', missing: 'missing' },
      patience: { greeting: 10, answer: 10 },
      ...more,
    })
    writeFileSync(this.path, file, { mode: 0o755 })
    return this
  }

  /** Every connection is the test's. */
  async listen(taken: (socket: Socket) => void): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#taken.add(socket)
      socket.on('error', () => socket.destroy()) // the launcher, or the test, hangs up as it likes
      taken(socket)
    })
    this.#server = server.listen(this.socket)
    await once(server, 'listening')
  }

  /** Greets, reads a whole request, and answers it. */
  serve(answer: (request: Request) => { exitCode: number; out: string }): Promise<void> {
    return this.listen((socket) => {
      const reader = new RequestReader(1 << 23)
      socket.write(greeting)
      socket.on('data', (chunk: Buffer) => {
        const request = reader.push(chunk)
        if (request === undefined) return
        const { exitCode, out } = answer(request)
        socket.end(writeAnswer(exitCode, out))
      })
    })
  }

  start(
    env: Record<string, string> = { QUESTION: 'why' },
    stdio: StdioOptions = ['pipe', 'pipe', 'inherit'],
  ): ChildProcess {
    return spawn(this.path, [], { env, stdio })
  }

  async run(stdin = 'input', env?: Record<string, string>): Promise<Ended> {
    const child = this.start(env)
    // It may end before it has read everything.
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => assert.equal(error.code, 'EPIPE'))
    child.stdin?.end(stdin)
    return ended(child)
  }

  /** By a shell, which closes or redirects what the test wants. */
  shell(command: string): Promise<Ended> {
    return ended(
      spawn('/bin/sh', ['-c', command, this.path], {
        env: { QUESTION: 'why', PATH: process.env['PATH'] },
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#taken) socket.destroy()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true })
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const [stdout, [code, signal]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
  ])
  return { code, signal, stdout }
}
