/** The sizes of a terminal that may not be there yet: the last one counts. */
export class Sizes {
  #last: { columns: number; rows: number } | undefined
  #listener: ((columns: number, rows: number) => void) | undefined

  take(text: string): void {
    const size = sizeIn(text)
    if (!size) return
    this.#last = size
    this.#listener?.(size.columns, size.rows)
  }

  tell(listener: (columns: number, rows: number) => void): void {
    this.#listener = listener
    if (this.#last) listener(this.#last.columns, this.#last.rows)
  }
}

/** A terminal's size as clients send it: `{"Width":80,"Height":24}`. Undefined for what is none: it asks for nothing. */
function sizeIn(text: string): { columns: number; rows: number } | undefined {
  let size: unknown
  try {
    size = JSON.parse(text)
  } catch {
    return undefined
  }
  const { Width: columns, Height: rows } = (size ?? {}) as { Width?: unknown; Height?: unknown }
  return Number.isInteger(columns) && Number.isInteger(rows)
    ? { columns: columns as number, rows: rows as number }
    : undefined
}
