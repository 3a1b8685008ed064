import type { Sizes, SizeTried, Trace } from '../types.ts'
import type { Paint, TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

/** With `--size`: the largest packet that arrives uncut, what every device takes, and who stopped larger ones. */
export function renderSizes({ sizes }: Trace, { width, verbose }: TextOptions, paint: Paint): string[] {
  if (!sizes) return []
  const { tried, hops } = sizes
  if (tried.length === 0) return ['', ...wrapped(`sizes    ${sizes.say}`, 9, width)]
  const devices = hops.map(({ place, device, mtu }) => `${place} ${device} ${mtu ?? '?'}`)
  const stopped = tried.filter(({ passed }) => !passed)
  // Each of them is told where wished; else where the path gets narrower, which the smallest that did not pass shows.
  const shown = verbose || sizes.largest === undefined ? tried : [...firstOfEach(stopped)]
  return [
    '',
    ...wrapped(`sizes    ${headOf(sizes, paint)} (${sizes.say})`, 9, width),
    ...shown.flatMap((one) => wrapped(`  ${sayTried(one, paint)}`, 9, width)),
    ...(devices.length > 0 ? wrapped(`  devices on the way and what they take: ${devices.join(', ')}`, 9, width) : []),
  ]
}

function headOf({ largest, tried }: Sizes, paint: Paint): string {
  if (largest !== undefined)
    return `${paint('bold', `${largest} bytes`)} is the largest packet that arrives without being cut`
  return tried.some(({ passed, cut }) => passed && !cut)
    ? `${paint('green', 'arrives')} without being cut`
    : `${paint('red', 'does not arrive')} without being cut`
}

function sayTried({ bytes, passed, cut, say }: SizeTried, paint: Paint): string {
  const size = `${bytes} bytes${cut ? ' in pieces' : ''}`
  return `${size}: ${passed ? paint('green', 'arrived') : paint('red', say ?? 'did not arrive')}`
}

/** The smallest packet that each of those who stop packets has stopped. */
function firstOfEach(stopped: readonly SizeTried[]): Iterable<SizeTried> {
  const by = new Map<string, SizeTried>()
  for (const one of stopped) by.set(`${one.by} ${one.at?.place} ${one.at?.device} ${one.mtu}`, one)
  return by.values()
}
