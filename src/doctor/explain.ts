import type { Case } from '../trace/case.ts'
import type { Why } from '../trace/types.ts'
import { examine } from './diagnose.ts'
import { checks } from './findings/index.ts'
import { isAbout } from './touched.ts'
import type { Finding, View } from './types.ts'

/** Why a request went as it did: what the doctor finds in what the request touched. */
export function explain(request: Case): Why[] {
  const { cluster, ranges } = request
  const view: View = { cluster, ranges, machines: [], request, now: Date.now() }
  return relevant(view, request).map(({ code, level, say, fix }) => ({ code, level, say, fix }))
}

/** Of a failed request every finding about what it touched; of a delivered one what the request itself shows. */
function relevant(view: View, request: Case): Finding[] {
  const delivered = request.verdict === 'delivered'
  const found = examine(view, delivered ? checks.filter(({ needs }) => needs === 'request') : checks)
  return found.filter(isAbout(request))
}
