export function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<path class="rule" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}"/>`
}

export function text(x: number, y: number, of: string, kind: string): string {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}">${escape(of)}</text>`
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}
