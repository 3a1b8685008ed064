import type { PlacedRule } from '../../kernel/nftables/rule.ts'
import type { TraceEvent } from '../../kernel/nftables/trace.ts'

/** A rule's own comment says what it means; without one, what it does. */
export function ruleText({ comment, exprs }: PlacedRule): string {
  return comment === undefined
    ? exprs.map((expr) => (expr.kind === 'foreign' ? expr.name : expr.kind)).join(' ')
    : `"${comment}"`
}

export function verdictText({ type, verdict, policy }: TraceEvent): string {
  if (type === 'policy') return policy ?? 'accept'
  if (type === 'return') return 'return'
  if (!verdict) return 'continue'
  return 'chain' in verdict ? `${verdict.verdict} ${verdict.chain}` : verdict.verdict
}
