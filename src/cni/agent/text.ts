import type { Answer } from '../plugin/plugin.ts'

/** What the plugin writes to standard output. */
export function textOf({ out }: Pick<Answer, 'out'>): string {
  return out === undefined ? '' : `${JSON.stringify(out, undefined, 2)}\n`
}
