import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLParseError,
} from 'yaml'
import { messageOf } from '../../base/errors.ts'

/** One thing that is wrong with a configuration. */
export interface Mistake {
  /** From 1. */
  readonly line: number
  /** Where in the configuration: `cache.positive`, `forward.to[1]`; empty for the whole. */
  readonly path: string
  /** What was given and what is allowed. */
  readonly say: string
}

/** What a configuration refers to outside of itself. */
export interface Files {
  /** Throws when there is no such file. */
  read(path: string): string
}

interface Book {
  readonly mistakes: Mistake[]
  readonly lines: LineCounter
  readonly files: Files
}

/** One value in a YAML text. All scalars are text here: what they mean is the business of who reads them. */
export class Spot {
  readonly path: string
  readonly line: number
  readonly #node: Node | null
  readonly #book: Book

  constructor(node: Node | null, path: string, line: number, book: Book) {
    this.path = path
    this.line = line
    this.#node = node
    this.#book = book
  }

  get files(): Files {
    return this.#book.files
  }

  /** undefined: a list or a map. */
  get text(): string | undefined {
    if (this.#node === null) return ''
    return isScalar(this.#node) ? textOf(this.#node) : undefined
  }

  /** undefined: no list. */
  get items(): Spot[] | undefined {
    if (!isSeq(this.#node)) return undefined
    return this.#node.items.map((item, at) => this.#below(item as Node | null, `${this.path}[${at}]`))
  }

  /** In the order of the text, each with its name; undefined: no map. */
  get fields(): { name: string; spot: Spot }[] | undefined {
    if (!isMap(this.#node)) return undefined
    return this.#node.items.map(({ key, value }) => {
      const name = isScalar(key) ? textOf(key) : '?'
      // The line of a field is where its name stands, not where its value begins.
      const line = this.#lineOf(key as Node | null)
      const path = this.path === '' ? name : `${this.path}.${name}`
      return { name, spot: new Spot(value as Node | null, path, line, this.#book) }
    })
  }

  /** Nothing at all stands here. */
  get empty(): boolean {
    return this.text === ''
  }

  /** Nothing has been found wrong yet, anywhere. */
  get good(): boolean {
    return this.#book.mistakes.length === 0
  }

  /** Puts a mistake down, here or at something below, whose line is looked up. */
  wrong(say: string, path: string = this.path): undefined {
    this.#book.mistakes.push({ line: this.#find(path).line, path, say })
  }

  /** The common mistake: something else than what is allowed. */
  refuse(allowed: string): undefined {
    return this.wrong(`${this.#given()} is given; allowed is ${allowed}`)
  }

  /** The nearest thing on the way to `path` that stands in the text. */
  #find(path: string): Spot {
    const below = this.items ?? this.fields?.map(({ spot }) => spot) ?? []
    const next = below.find((one) => path === one.path || ['.', '['].some((sign) => path.startsWith(one.path + sign)))
    return next && path !== this.path ? next.#find(path) : this
  }

  #given(): string {
    if (isAlias(this.#node)) return `the alias *${this.#node.source}`
    if (isSeq(this.#node)) return 'a list'
    if (isMap(this.#node)) return 'a map'
    const text = this.text ?? ''
    return text === '' ? 'nothing' : `"${text.length > 80 ? `${text.slice(0, 80)}...` : text}"`
  }

  #below(node: Node | null, path: string): Spot {
    return new Spot(node, path, this.#lineOf(node), this.#book)
  }

  #lineOf(node: Node | null): number {
    const offset = node?.range?.[0]
    return offset === undefined ? this.line : this.#book.lines.linePos(offset).line
  }
}

/** By the failsafe schema every scalar is text; nothing at all may be null. */
function textOf({ value }: Scalar): string {
  return typeof value === 'string' ? value : ''
}

/** Lets `read` read a YAML text; whatever is wrong with it is in the mistakes, in the order of the text. Never throws. */
export function readYaml<T>(
  text: string,
  files: Files,
  read: (spot: Spot) => T | undefined,
): { value: T } | { mistakes: readonly Mistake[] } {
  const lines = new LineCounter()
  try {
    const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false })
    // One error of the text ends its reading: those after it are its consequences.
    const book: Book = {
      mistakes: document.errors.slice(0, 1).map((error) => syntaxMistake(error, lines)),
      lines,
      files,
    }
    const value = book.mistakes.length === 0 ? read(new Spot(document.contents, '', 1, book)) : undefined
    if (value !== undefined && book.mistakes.length === 0) return { value }
    return { mistakes: book.mistakes.toSorted((a, b) => a.line - b.line) }
  } catch (error) {
    // Thousands of brackets are more than the parser's stack can take.
    if (!(error instanceof RangeError)) throw error
    return { mistakes: [{ line: 1, path: '', say: `it cannot be read: ${messageOf(error)}` }] }
  }
}

function syntaxMistake({ code, message, pos }: YAMLParseError, lines: LineCounter): Mistake {
  const { line } = lines.linePos(pos[0])
  const say = code === 'MULTIPLE_DOCS' ? 'a second document begins here; allowed is one' : message
  return { line: Math.max(line, 1), path: '', say }
}

/** One line each, as compilers write them. */
export function printMistakes(file: string, mistakes: readonly Mistake[]): string {
  return mistakes.map(({ line, path, say }) => `${file}:${line}: ${path === '' ? '' : `${path}: `}${say}`).join('\n')
}
