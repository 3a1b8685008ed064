import { glossary, type Word, wordsIn } from './glossary.ts'
import { type Paint, painter, type TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

/** The words of the trade in a rendered trace, each explained once: what `--explain` adds. */
export function explainWords(text: string, options: TextOptions): string {
  return list(wordsIn(text), options)
}

/** All of them: what `--explain` alone prints. */
export function explainAll(options: TextOptions): string {
  return list(glossary, options)
}

function list(words: readonly Word[], { width, color }: TextOptions): string {
  const paint: Paint = painter(color)
  const longest = Math.max(0, ...words.map(({ word }) => word.length))
  const lines = words.flatMap(({ word, say }) => {
    const [first = '', ...rest] = wrapped(`  ${word.padEnd(longest)}  ${say}`, longest + 4, width)
    return [first.replace(word, () => paint('bold', word)), ...rest]
  })
  return ['', 'words', ...lines, ''].join('\n')
}
