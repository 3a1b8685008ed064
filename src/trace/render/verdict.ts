import type { Verdict } from '../types.ts'

/** A verdict as people say it. */
export const words: Readonly<Record<Verdict, string>> = {
  delivered: 'delivered',
  refused: 'refused',
  rejected: 'rejected',
  dropped: 'dropped',
  unreachable: 'unreachable',
  'too-big': 'too big',
  'no-answer': 'no answer',
  'name-not-found': 'name not found',
  'not-sent': 'not sent',
}
