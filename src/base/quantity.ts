const suffixes: Partial<Record<string, bigint>> = {
  n: 1n,
  u: 10n ** 3n,
  m: 10n ** 6n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 2n ** 10n * 10n ** 9n,
  Mi: 2n ** 20n * 10n ** 9n,
  Gi: 2n ** 30n * 10n ** 9n,
  Ti: 2n ** 40n * 10n ** 9n,
  Pi: 2n ** 50n * 10n ** 9n,
  Ei: 2n ** 60n * 10n ** 9n,
}
const nano = 10n ** 9n

/** `64Mi` in bytes, rounded up (k8s.io/apimachinery resource.Quantity). Throws a TypeError for what is none, or is negative. */
export function quantity(text: string): number {
  return Number(ceil(nanos(text), nano))
}

/** `1500m` or `1.5` in thousandths, rounded up. */
export function millis(text: string): number {
  return Number(ceil(nanos(text), 10n ** 6n))
}

/** Exactly, but for less than a billionth: to compare. */
export function nanos(text: string): bigint {
  const found =
    /^\+?(?=\.?\d)(\d{0,30})(?:\.(\d{0,30}))?(?:(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)|[eE]([+-]?\d{1,2}))?$/.exec(text)
  if (!found) throw new TypeError(`${JSON.stringify(text)} is no size`)
  const [, whole = '', fraction = '', suffix = '', exponent = '0'] = found
  const power = Number(exponent)
  const scale = (suffixes[suffix] ?? nano) * 10n ** BigInt(Math.max(power, 0))
  return ceil(BigInt(whole + fraction) * scale, 10n ** BigInt(fraction.length + Math.max(-power, 0)))
}

const ceil = (a: bigint, b: bigint): bigint => (a + b - 1n) / b
