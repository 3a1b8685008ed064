import { styleText } from 'node:util'

export interface TextOptions {
  /** Columns of the terminal; longer lines are broken between words. 0: never. */
  readonly width: number
  readonly color: boolean
  /** With the evidence of each line. */
  readonly verbose: boolean
}

export type Paint = (style: 'red' | 'green' | 'yellow' | 'dim' | 'bold' | 'cyan', text: string) => string

export function painter(color: boolean): Paint {
  return (style, text) => (color ? styleText(style, text, { validateStream: false }) : text)
}

/** `0.9 ms`, `22 ms` */
export function sayMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}
