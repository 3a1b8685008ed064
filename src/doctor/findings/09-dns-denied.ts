import { notEnforced } from './10-policy.ts'
import type { Check } from '../types.ts'

/** The place for: a policy lets nothing out, and so no question about a name. */
export const check: Check = {
  number: 9,
  title: 'no name is found: a policy for what goes out forgets DNS',
  codes: [],
  needs: 'request',
  notYet: notEnforced,
  find: () => [],
}
