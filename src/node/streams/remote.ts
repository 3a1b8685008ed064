import type { Readable, Writable } from 'node:stream'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Execution } from '../../pod/container/exec.ts'

/** The client of an exec or an attach, whatever it speaks. */
export interface Remote {
  /** What it sends, until it ends its input. */
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  /** Called with every size that the client's terminal gets, also the one that it had before. */
  onResize(listener: (columns: number, rows: number) => void): void
  /** Tells how it ended, once all output is sent, and closes. */
  finish(status: object): void
  /** Fulfilled when the client is gone. */
  readonly gone: Promise<void>
}

/** What a client asks for. */
export interface Wanted {
  stdin: boolean
  stdout: boolean
  stderr: boolean
  tty: boolean
}

/** Joins the client to a process, and ends what `start` has started when the client goes. */
export async function serve(remote: Remote, start: () => Promise<Execution>): Promise<void> {
  let execution: Execution
  try {
    execution = await start()
  } catch (error) {
    remote.finish(failure('InternalError', wordsOf(error)))
    return
  }
  void remote.gone.then(() => execution.kill())
  const { stdin, stdout, stderr, exit } = execution
  // One that cannot be read on is closed, and its end told by `exit`.
  for (const output of [stdout, stderr]) output?.on('error', () => undefined)
  stdout.pipe(remote.stdout, { end: false })
  stderr?.pipe(remote.stderr, { end: false })
  if (stdin) {
    stdin.on('error', () => stdin.destroy())
    // A process that has closed its input lets the rest pass: the client may send it before it sees the end.
    stdin.once('close', () => remote.stdin.resume())
    remote.stdin.pipe(stdin)
  } else remote.stdin.resume()
  remote.onResize((columns, rows) => execution.resize?.(columns, rows))
  try {
    const code = await exit
    remote.finish(code === 0 ? { metadata: {}, status: 'Success' } : exitStatus(code))
  } catch (error) {
    remote.finish(failure('InternalError', wordsOf(error)))
  }
}

/** client-go reads the exit code from the cause `ExitCode` (k8s.io/client-go/tools/remotecommand). */
function exitStatus(code: number): object {
  return {
    ...failure('NonZeroExitCode', `command terminated with non-zero exit code: exit status ${code}`),
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  }
}

/** `exec "tar": executable file not found in $PATH`. */
function wordsOf(error: unknown): string {
  return error instanceof KubehopError ? `${error.op}: ${error.plain}` : messageOf(error)
}

function failure(reason: string, message: string): object {
  return { metadata: {}, status: 'Failure', reason, message }
}
