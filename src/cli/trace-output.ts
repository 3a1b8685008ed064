import { stringify } from 'yaml'
import { explainAll, explainWords } from '../trace/render/explain.ts'
import { renderMermaid } from '../trace/render/mermaid.ts'
import { renderTrace } from '../trace/render/text.ts'
import type { Trace } from '../trace/types.ts'
import { formatOf, textOptions } from './flags.ts'

export interface Output {
  readonly format: Format
  readonly verbose: boolean
  /** With the words of the trade, each explained once. */
  readonly explain: boolean
}

const formats = ['text', 'json', 'yaml', 'mermaid'] as const
type Format = (typeof formats)[number]

export function readFormat(text: string): Format {
  return formatOf(text, formats)
}

export function writeTrace(
  trace: Trace,
  { format, verbose, explain }: Output,
  to: NodeJS.WriteStream = process.stdout,
): void {
  to.write(written(trace, format, verbose, explain))
}

export function writeWords(): void {
  process.stdout.write(explainAll(textOptions(false)).trimStart())
}

function written(trace: Trace, format: Format, verbose: boolean, explain: boolean): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(trace, null, 2)}\n`
    case 'yaml':
      return stringify(trace, { lineWidth: 0, aliasDuplicateObjects: false })
    case 'mermaid':
      return renderMermaid(trace)
    case 'text': {
      const options = textOptions(verbose)
      const text = renderTrace(trace, options)
      return explain ? text + explainWords(renderTrace(trace, { ...options, color: false, width: 0 }), options) : text
    }
  }
}
