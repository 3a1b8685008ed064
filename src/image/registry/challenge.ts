/** How a server wants to be told who asks (RFC 9110, section 11.6.1). */
export interface Challenge {
  /** In small letters: `bearer`, `basic`. */
  scheme: string
  /** Names in small letters. */
  params: ReadonlyMap<string, string>
}

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"((?:[^"\\]|\\.)*)"/sy
// Registries leave quotes away where the grammar wants them: scope=repository:web:pull.
const bare = /[^\s,"]*/y
const token68 = /[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const between = /[ \t,]*/y

/** All challenges of a WWW-Authenticate header, in its order. What cannot be read ends it: what came before is still good. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = []
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(header)
    if (!found) return undefined
    at = pattern.lastIndex
    return found
  }
  for (;;) {
    take(between)
    const scheme = take(token)?.[0].toLowerCase()
    if (scheme === undefined) return challenges
    const params = new Map<string, string>()
    challenges.push({ scheme, params })
    // Negotiate and its like have one word that is no name; nothing here speaks those.
    if (take(token68)) continue
    for (;;) {
      const before = at
      take(between)
      const name = take(token)?.[0].toLowerCase()
      if (name === undefined) return challenges
      if (!take(equals)) {
        // No name of a parameter, but of the next scheme.
        at = before
        break
      }
      const value = take(quoted)?.[1]?.replace(/\\(.)/gs, '$1') ?? take(bare)?.[0] ?? ''
      // As with any header: the first one counts.
      if (!params.has(name)) params.set(name, value)
    }
  }
}
