/** C0 but for tab and line feed, DEL, C1, and Unicode's marks that turn text around: what a terminal obeys and does not show. */
const obeyed = /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu

/** A text that others wrote, fit for a terminal: what is no character is a question mark. */
export function visible(text: string): string {
  return text.replace(obeyed, '?')
}

/** The same value, with every text in it {@link visible}. Of plain data, as JSON has it. */
export function allVisible<T>(value: T): T {
  if (typeof value === 'string') return visible(value) as T
  if (Array.isArray(value)) return value.map(allVisible) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [visible(key), allVisible(one)])) as T
}
