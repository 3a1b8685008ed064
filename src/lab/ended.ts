import { existsSync, readFileSync } from 'node:fs'
import { KubehopError } from '../base/errors.ts'
import { openProcess } from '../kernel/process.ts'
import { type LabRecord, logOf, starterOf } from './folder.ts'

/** The end of a lab that this process has started, while it has something to do there. */
export interface LabEnd extends Disposable {
  /** Aborted when the lab's last process has gone, with the KubehopError `Ended`. */
  readonly signal: AbortSignal
  /** Why the lab ends or has ended, which whoever asked it hears first as a connection that broke; undefined while it runs. */
  reason(): KubehopError | undefined
}

export function endOf({ name, init }: LabRecord): LabEnd {
  const controller = new AbortController()
  const reason = (): KubehopError | undefined =>
    starterOf(name) !== process.pid ? endedByAnother(name) : controller.signal.aborted ? endedByItself(name) : undefined
  const over = (): void => controller.abort(reason() ?? endedByItself(name))
  const held = openProcess(init.pid, init.started)
  if (held) void held.ended.then(over)
  else over()
  return { signal: controller.signal, reason, [Symbol.dispose]: () => held?.close() }
}

export function endedByAnother(name: string): KubehopError {
  return new KubehopError('lab', 'start', 'Ended', `lab "${name}" was ended by another command while it started`)
}

function endedByItself(name: string): KubehopError {
  return new KubehopError('lab', 'start', 'Ended', `lab "${name}" ended while it started; its log:\n${endOfLog(name)}`)
}

/** The last lines of a lab's log, for an error message; none of one that is gone. */
export function endOfLog(name: string): string {
  const path = logOf(name)
  if (!existsSync(path)) return ''
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
}
