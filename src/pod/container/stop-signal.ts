import { constants } from 'node:os'
import type { Container } from '../../api/objects/pod.ts'
import { SIGNALS } from '../../kernel/process.ts'

/** What ends a container before it is killed: the word of its spec, then its image's, then SIGTERM. */
export function stopSignal({ lifecycle }: Container, ofImage: number | undefined): number {
  return signalNumber(lifecycle?.stopSignal ?? '') ?? ofImage ?? SIGNALS.TERM
}

const byName: Partial<Record<string, number>> = constants.signals
const last = 64

/** `SIGQUIT`, `QUIT` or `3` as a number; undefined for what is no signal. `SIGRTMIN+3` is 37 (signal(7)). */
export function signalNumber(text: string): number | undefined {
  if (/^\d{1,2}$/.test(text)) return inRange(Number(text))
  const name = text.toUpperCase().replace(/^(?!SIG)/, 'SIG')
  const real = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name)
  if (!real) return byName[name]
  const [, end, sign, by = '0'] = real
  return inRange((end === 'MIN' ? firstRealTime : last) + (sign === '-' ? -1 : 1) * Number(by))
}

const firstRealTime = 34

const inRange = (number: number): number | undefined => (number >= 1 && number <= last ? number : undefined)
