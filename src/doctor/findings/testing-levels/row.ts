import type { Finding, View } from '../../types.ts'

/** A finding's code, how much it hurts, how sure it is, and something that has it. */
export type Row = readonly [code: string, level: Finding['level'], sure: Finding['sure'], of: View]
