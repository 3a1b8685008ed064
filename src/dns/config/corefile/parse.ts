import type { Mistake } from '../spot.ts'
import { type Token, tokensOf } from './tokens.ts'

/** One line of a block: a plugin in a server block, a property in a plugin's. */
export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  readonly line: number
  /** What stands in braces after it; empty when nothing does. */
  readonly block: readonly Directive[]
}

export interface ServerBlock {
  /** `.:53`, `corp.example`, `(snippet)`; `import` is one with its pattern. */
  readonly keys: readonly string[]
  readonly line: number
  readonly directives: readonly Directive[]
}

export interface Corefile {
  readonly blocks: readonly ServerBlock[]
  readonly mistakes: readonly Mistake[]
}

/** A Corefile's structure, whatever it means. Never throws: what does not parse is a mistake. */
export function parseCorefile(text: string, env: (name: string) => string | undefined = () => undefined): Corefile {
  const parser = new Parser(tokensOf(text, env))
  return { blocks: parser.blocks(), mistakes: parser.mistakes }
}

/** Braces in braces more than this are no Corefile. */
const deepest = 20

class Parser {
  readonly mistakes: Mistake[] = []
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  blocks(): ServerBlock[] {
    const found: ServerBlock[] = []
    for (;;) {
      const first = this.#peek()
      if (!first) return found
      const keys = this.#keys()
      if (this.#isBrace('{')) {
        const open = this.#next()
        found.push({ keys, line: first.line, directives: this.#directives(open, 0) })
      } else if (keys[0] === 'import') {
        found.push({ keys, line: first.line, directives: [] })
      } else if (keys.length === 0) {
        this.#next()
        this.#wrong(first.line, `"${first.text}" ends a block that has not begun`)
      } else {
        // Caddy takes a file without braces as one block. That breaks with the second block, so nobody writes it.
        this.#wrong(first.line, `"${keys.join(' ')}" is no server block; put what belongs to it between { and }`)
      }
    }
  }

  /** To the end of the line; a comma at its end goes on with the next. */
  #keys(): string[] {
    const keys: string[] = []
    let { line } = this.#peek() ?? { line: 0 }
    for (let token = this.#peek(); token && !this.#isBrace('{') && !this.#isBrace('}'); token = this.#peek()) {
      const more = keys.length > 0 && this.#tokens[this.#at - 1]?.text.endsWith(',')
      if (token.line !== line && !more) break
      line = token.line
      keys.push(this.#next().text)
    }
    return keys.flatMap((key) => key.split(',')).filter((key) => key !== '')
  }

  #directives(open: Token, depth: number): Directive[] {
    const found: Directive[] = []
    for (;;) {
      const first = this.#peek()
      if (!first) {
        this.#wrong(open.line, 'the block that begins here has no end; put } after it')
        return found
      }
      if (this.#isBrace('}')) {
        this.#next()
        return found
      }
      if (this.#isBrace('{')) {
        this.#wrong(first.line, '"{" stands alone; put it at the end of the line that it belongs to')
        this.#nested(depth)
        continue
      }
      this.#next()
      const args: string[] = []
      for (let next = this.#peek(); next?.line === first.line; next = this.#peek()) {
        if (this.#isBrace('{') || this.#isBrace('}')) break
        args.push(this.#next().text)
      }
      const block = this.#isBrace('{') && this.#peek()?.line === first.line ? this.#nested(depth) : []
      found.push({ name: first.text, args, line: first.line, block })
    }
  }

  #nested(depth: number): Directive[] {
    const open = this.#next()
    if (depth < deepest) return this.#directives(open, depth + 1)
    this.#wrong(open.line, `blocks stand in blocks more than ${deepest} deep`)
    this.#at = this.#tokens.length
    return []
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#at]
  }

  #next(): Token {
    return this.#tokens[this.#at++] as Token
  }

  #isBrace(brace: '{' | '}'): boolean {
    const token = this.#peek()
    return token?.text === brace && !token.quoted
  }

  #wrong(line: number, say: string): void {
    this.mistakes.push({ line, path: '', say })
  }
}
