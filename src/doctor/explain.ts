import type { Case } from '../trace/case.ts'
import type { Why } from '../trace/types.ts'
import { diagnose } from './diagnose.ts'

/** Why a request went as it did: what the doctor finds in what the request touched. */
export function explain(request: Case): Why[] {
  const { cluster, ranges } = request
  return diagnose({ cluster, ranges, machines: [], request, now: Date.now() }).map(({ code, level, say, fix }) => ({
    code,
    level,
    say,
    fix,
  }))
}
