import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Dns } from '../dns.ts'
import { load, type Source } from './load.ts'
import { watchFile } from './watch.ts'

export interface ReloadOptions {
  readonly source: Source
  /** What `source` held when the server started. */
  readonly text: string
  readonly dns: Pick<Dns, 'reconfigure' | 'refused'>
  readonly log: Log
}

export interface Reloading {
  /** Looks at the file now, as after SIGHUP; done when what it says is in force, or has been refused. */
  reload(): Promise<void>
  close(): void
}

/** Puts a changed file into force. A wrong one, or one that is gone, changes nothing but the log and a metric. */
export function keepReloading({ source, text, dns, log }: ReloadOptions): Reloading {
  const file = source.path
  let last = Promise.resolve()
  const refuse = (error: unknown): void => {
    dns.refused()
    const why = error instanceof KubehopError ? error.plain : messageOf(error)
    log.error({ file, why }, 'the changed configuration is refused; the one before stays in force')
  }
  const change = async (changed: string): Promise<void> => {
    const { config, notes } = load(source, changed)
    const restart = await dns.reconfigure(config)
    for (const { line, say } of notes) log.info({ file, line }, say)
    log.info({ file }, 'the changed configuration is in force')
    if (restart.length > 0)
      log.warn({ file, options: restart }, 'these options change only when the server is started again')
  }
  const watch = watchFile(text, {
    path: file,
    onChange(changed) {
      last = last.then(() => change(changed)).catch(refuse)
    },
    onGone: refuse,
    onBlind: (error) =>
      log.warn(
        { file, error: messageOf(error) },
        'changes of the configuration are not noticed by themselves; SIGHUP makes them',
      ),
  })
  return {
    async reload() {
      watch.look()
      await last
    },
    close: () => watch.close(),
  }
}
