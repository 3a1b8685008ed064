import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Request } from '../../kernel/launcher/protocol.ts'
import { CniError, errorAnswer } from '../plugin/error.ts'
import { isFields } from '../plugin/input.ts'
import type { Answer } from '../plugin/plugin.ts'
import { newest } from '../plugin/version.ts'
import type { Product } from '../product.ts'
import { deletingLater, type Reaper } from '../reaper.ts'
import { type Lent, lending } from '../sockets.ts'
import { callFor, translate } from './call.ts'
import type { Connection } from './connection.ts'
import { callAlone, callsOthers } from './own-process.ts'
import { placeOf } from './place.ts'
import { reasonOf, textOf } from './text.ts'
import { whenFree } from './when-free.ts'

/** Answers requests. */
export interface Desk {
  /** `pid` is the launcher's. */
  serve(pid: number, request: Request, connection: Connection): void
}

export interface DeskOptions {
  /** Both of this process's network namespace; for calls in another one they are of no use. */
  readonly reaper: Reaper
  readonly sockets: Lent
  readonly product: Product
  readonly log: Log
}

/** What is said, and the exit code; undefined: nobody is there any more to hear it, and nothing was done. */
type Said = { out: string; exitCode: number } | undefined

/** Each as soon as it is there: the plugin's work is synchronous, and so one after another. Only who calls other plugins, or has to wait, does so beside. */
export function openDesk({ reaper, sockets, product, log }: DeskOptions): Desk {
  const here = (pid: number, request: Request, connection: Connection): Said => {
    using place = placeOf(pid)
    // What was found under this number was the launcher's, if that is still there.
    if (connection.gone()) return undefined
    const call = (): Answer => callFor(request, place)
    const answer = place.netns === undefined ? lending(sockets, () => deletingLater(reaper, call)) : call()
    return { out: textOf(answer), exitCode: answer.exitCode }
  }

  const inTurn = async (pid: number, request: Request, connection: Connection): Promise<Said> => {
    const gone = (): boolean => connection.gone()
    if (gone()) return undefined
    const result = await whenFree(() => here(pid, request, connection), gone)
    if ('done' in result) return result.done
    if (gone()) return undefined
    throw new CniError('tryAgain', `another plugin keeps ${result.taken}: try again`)
  }

  const beside = async (pid: number, request: Request, connection: Connection): Promise<Said> => {
    using place = placeOf(pid)
    if (connection.gone()) return undefined
    using it = translate(request, place)
    const { netns } = place
    const { out, exitCode } = await callAlone(it.request, { product, netns, left: connection.left })
    return { out: backIn(out, (fields) => it.back(fields)), exitCode }
  }

  const answer = async (work: () => Promise<Said>, { env }: Request, connection: Connection): Promise<void> => {
    const { CNI_COMMAND: command, CNI_CONTAINERID: container } = env
    try {
      const said = await work()
      if (said === undefined) return log.warn({ command, container }, 'nobody waits for it any more: nothing was done')
      connection.answer(said.exitCode, said.out)
      const { exitCode, out } = said
      if (exitCode === 0) log.info({ command, container, exitCode }, 'answered')
      else log.warn({ command, container, exitCode, ...reasonOf(out) }, 'answered')
    } catch (error) {
      if (connection.gone()) return
      log.error({ command, container, error: messageOf(error) }, 'cannot answer')
      connection.answer(1, textOf({ out: errorAnswer(error, newest) }))
    }
  }

  return {
    serve(pid, request, connection) {
      const work = (): Promise<Said> => (callsOthers(request) ? beside : inTurn)(pid, request, connection)
      void answer(work, request, connection)
    },
  }
}

/** An error before the plugin was asked. */
export function complain(connection: Connection, { code, say }: { code: 'io' | 'decode'; say: string }): void {
  connection.answer(1, textOf({ out: errorAnswer(new CniError(code, say), newest) }))
}

/** The JSON that a plugin wrote, changed; any other text as it is. */
function backIn(text: string, back: (fields: Readonly<Record<string, unknown>>) => object | undefined): string {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch {
    return text
  }
  return isFields(found) ? `${JSON.stringify(back(found), undefined, 2)}\n` : text
}
