/** All series of one metric. HELP and TYPE are said once, and its lines stand together: the text format wants both. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: Kind
  /** Whole lines, each with its newline. */
  samples(): Iterable<string> | AsyncIterable<string>
}

export type Kind = 'counter' | 'gauge' | 'histogram'

/** One value for each label name, in their order. */
export type Values<L extends readonly string[]> = { readonly [K in keyof L]: string }

/** `{code="200"}`; nothing when there are no labels. */
export function labelsText(names: readonly string[], values: readonly string[]): string {
  if (names.length === 0) return ''
  let text = ''
  for (let i = 0; i < names.length; i++) text += `${i === 0 ? '{' : ','}${names[i]}="${escapeValue(values[i] ?? '')}"`
  return `${text}}`
}

/** For what stands between the quotes of a label. */
export function escapeValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`)) : value
}

/** Help has no quotes around it, so that those stay. */
export function escapeHelp(help: string): string {
  return help.replace(/[\\\n]/g, (c) => (c === '\n' ? '\\n' : '\\\\'))
}

export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
