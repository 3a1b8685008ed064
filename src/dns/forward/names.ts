import { lowerName, wireName } from '../wire/name.ts'

/** `example.com` as names of questions are compared: in wire form, one character per byte, in lower case. Throws a RangeError. */
export function foldedName(text: string): string {
  const name = wireName(lowerName(text))
  if (name === undefined) throw new RangeError(`"${text}" is not a domain name`)
  return name
}

/** The name itself or one below it. Both as {@link foldedName} gives them. */
export function isUnder(name: string, domain: string): boolean {
  const border = name.length - domain.length
  // Only where a label starts: the same bytes may stand inside a label.
  let at = 0
  while (at < border) at += 1 + name.charCodeAt(at)
  return at === border && name.endsWith(domain)
}
