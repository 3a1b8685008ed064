const suffixes: Partial<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** `64Mi` in bytes (k8s.io/apimachinery resource.Quantity, as far as sizes are written). */
export function quantity(text: string): number {
  const [, digits = '', suffix = ''] = /^(\d{1,15}(?:\.\d{1,9})?)(k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text) ?? []
  if (digits === '') throw new TypeError(`${JSON.stringify(text)} is no size`)
  return Math.ceil(Number(digits) * (suffixes[suffix] ?? 1))
}
