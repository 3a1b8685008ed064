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
  return relevant(view, request).map(({ code, level, say, fix, command }) => ({
    code,
    level,
    say,
    fix,
    ...(command !== undefined && { command }),
  }))
}

/** Of a failed request every finding about what it touched; of a delivered one what the request itself shows. */
function relevant(view: View, request: Case): Finding[] {
  const delivered = request.verdict === 'delivered'
  if (request.foretold) return foreseen(view, request, delivered)
  const found = examine(view, delivered ? checks.filter(({ needs }) => needs === 'request') : checks)
  return found.filter(isAbout(request))
}

/** Checks of requests that need no kernel's word: 5 wrong names, 7 ports of the wrong kind, 27 addresses that nobody has. */
const foreseeable: ReadonlySet<number> = new Set([5, 7, 27])
/** Findings that rest on what this version's own network does not have. */
const ownAlone: ReadonlySet<string> = new Set(['NameOutside', 'OutsideCluster'])

/** Of a prediction what objects alone show. That a question is answered with no is delivered, too. */
function foreseen(view: View, request: Case, delivered: boolean): Finding[] {
  const among = checks.filter(({ needs, number }) =>
    delivered ? number === 5 : needs === 'objects' || foreseeable.has(number),
  )
  const found = examine(view, among).filter(isAbout(request))
  return request.foretold === 'own' ? found : found.filter(({ code }) => !ownAlone.has(code))
}
