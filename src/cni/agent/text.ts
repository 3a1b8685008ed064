import { isFields } from '../plugin/input.ts'
import type { Answer } from '../plugin/plugin.ts'

/** What the plugin writes to standard output. */
export function textOf({ out }: Pick<Answer, 'out'>): string {
  return out === undefined ? '' : `${JSON.stringify(out, undefined, 2)}\n`
}

/** Why not, out of what a plugin wrote to standard output: for the log. Empty when it does not say. */
export function reasonOf(out: string): { code?: number; reason?: string } {
  let found: unknown
  try {
    found = JSON.parse(out)
  } catch {
    return out === '' ? {} : { reason: out.trim().slice(0, 500) }
  }
  if (!isFields(found)) return {}
  const { code, msg } = found
  return { ...(typeof code === 'number' && { code }), ...(typeof msg === 'string' && { reason: msg }) }
}
