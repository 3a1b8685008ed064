import { notEnforced } from './10-policy.ts'
import type { Check } from '../types.ts'

/** The place for: a policy lets nobody in, or not this sender. */
export const check: Check = {
  number: 8,
  title: 'timeout: a policy lets in nobody, or not this sender',
  codes: [],
  needs: 'request',
  notYet: notEnforced,
  find: () => [],
}
