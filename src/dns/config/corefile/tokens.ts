/** One word of a Corefile. */
export interface Token {
  readonly text: string
  /** From 1. */
  readonly line: number
  /** In quotes: never a brace, even when it looks like one. */
  readonly quoted: boolean
}

/** Words as Caddy's lexer cuts them: at white space; `"..."` is one, with `\"` in it; `#` begins a comment wherever it stands; `{$NAME}` is taken from `env`. */
export function tokensOf(text: string, env: (name: string) => string | undefined): Token[] {
  const tokens: Token[] = []
  let line = 1
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string
    if (char === '\n') line++
    if (/\s/.test(char)) at++
    else if (char === '#') at = endOfLine(text, at)
    else if (char === '"') {
      const end = endOfQuote(text, at + 1)
      const inside = text.slice(at + 1, end)
      tokens.push({ text: filled(inside.replaceAll('\\"', '"'), env), line, quoted: true })
      line += inside.split('\n').length - 1
      at = end + 1
    } else {
      const [word = ''] = /^[^\s#]+/.exec(text.slice(at, endOfLine(text, at))) ?? []
      tokens.push({ text: filled(word, env), line, quoted: false })
      at += word.length
    }
  }
  return tokens
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

function endOfQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at
  }
  return text.length
}

/** A name that is not set is nothing, as in CoreDNS. */
function filled(text: string, env: (name: string) => string | undefined): string {
  return text.replace(
    /\{\$([^}]+)\}|\{%(.+?)%\}/g,
    (_, unix: string | undefined, windows: string | undefined) => env(unix ?? windows ?? '') ?? '',
  )
}
