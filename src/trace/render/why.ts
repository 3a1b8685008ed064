import type { Trace, Why } from '../types.ts'
import type { Paint, TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

/** What is wrong, and what to do: a line each. With `-v` also who said no, where something else says why. Below, what only has to be known. */
export function renderWhy({ why, verdict }: Trace, { width, verbose }: TextOptions, paint: Paint): string[] {
  const styles = { error: 'red', warning: 'yellow', info: 'dim' } as const
  const told = verbose ? why : reasonsOf(why)
  const listed = (heading: string, some: readonly Why[]): string[] => {
    if (some.length === 0) return []
    const lines = some.flatMap(({ level, say, fix, command }) => [
      ...wrapped(`  ${say}`, 2, width).map((text) => paint(styles[level], text)),
      ...wrapped(`  -> ${fix}`, 5, width),
      // One line, to be copied: the terminal breaks it, and nobody else.
      ...(command === undefined ? [] : [`     ${paint('green', command)}`]),
    ])
    return ['', heading, ...lines]
  }
  if (verdict === 'delivered') return listed('note', told)
  return [
    ...listed(
      'why',
      told.filter((one) => !isNote(one)),
    ),
    ...listed('note', told.filter(isNote)),
  ]
}

/** What FROM or TO mean (src/trace/notes.ts): true of delivered requests, too, and never why one failed. */
export function isNote({ code }: Pick<Why, 'code'>): boolean {
  return code === 'HostNetwork'
}

/** Mistake 21 (src/doctor/findings/21-which-hop.ts): not why a request failed, but who said so. */
export const authors: readonly string[] = ['SaidNo', 'AnswerLost', 'AnsweredElse', 'Silence', 'NotSent']

/**
 * Without who said no, or fell silent, where an error says why: the last hop has told that. Never empty of what was not: where nothing
 * else is known, who said so is the reason.
 */
export function reasonsOf<T extends Pick<Why, 'code' | 'level'>>(why: readonly T[]): readonly T[] {
  const isAuthor = ({ code, level }: T): boolean => level === 'info' && authors.includes(code)
  return why.some(({ level }) => level === 'error') ? why.filter((one) => !isAuthor(one)) : why
}
