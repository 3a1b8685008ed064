import type { Trace } from '../trace/types.ts'
import { canRun, examine } from './diagnose.ts'
import { checks } from './findings/index.ts'
import { isAbout } from './touched.ts'
import type { Check, Finding, View } from './types.ts'

/** What `kubehop doctor` tells: the answer of `POST /kubehop/doctor`, and what `-o json` prints. */
export interface Diagnosis {
  /** How much was looked at; in one namespace, where one was asked for. Nodes are the cluster's. */
  readonly looked: {
    readonly services: number
    readonly pods: number
    readonly nodes: number
    /** Whose kernels were asked: nodes, and the router where there is one. */
    readonly machines: number
    /** Whether the router is among them. */
    readonly router?: true
  }
  readonly checks: readonly CheckDone[]
  /** Those about the request first, then the others; each most severe first. */
  readonly findings: readonly Finding[]
  /** How many of them are about the request that was sent. */
  readonly aboutRequest: number
  /** What is wrong now and may pass by itself, because its objects are so young. */
  readonly early: readonly Finding[]
  /** What could not be looked at, each a sentence. */
  readonly untold: readonly string[]
  /** The request that was sent (`--for`). */
  readonly request?: Trace
}

export interface CheckDone {
  readonly number: number
  readonly title: string
  readonly ran: boolean
  /** Why it did not run, or not wholly. */
  readonly because?: string
}

/** Runs every check that can run, and says which could not and why. `untold`: what could not be asked. */
export function diagnosisOf(view: View, untold: readonly string[], request?: Trace): Diagnosis {
  const found = examine(view)
  const here = ({ metadata }: { metadata: { namespace?: string } }): boolean =>
    view.namespace === undefined || metadata.namespace === view.namespace
  // What a failed request met is wrong for it, however young.
  const about = isAbout(view.request)
  const failed = view.request !== undefined && view.request.verdict !== 'delivered'
  const late = (one: Finding): boolean => !one.early || (failed && about(one))
  const findings = found.filter(late)
  const ofRequest = findings.filter(about)
  return {
    looked: {
      services: view.cluster.services.filter(here).length,
      pods: view.cluster.pods.filter(here).length,
      nodes: view.cluster.nodes.length,
      machines: view.machines.length,
      ...(view.machines.some(({ kind }) => kind === 'router') && { router: true }),
    },
    checks: mistakes.map(({ number, title, parts }) => {
      const idle = parts.find((part) => !canRun(part, view))
      const ran = parts.some((part) => canRun(part, view))
      return { number, title, ran, ...(idle && { because: lackOf(idle) }) }
    }),
    findings: [...ofRequest, ...findings.filter((one) => !about(one))],
    aboutRequest: ofRequest.length,
    early: found.filter((one) => !late(one)),
    untold,
    ...(request && { request }),
  }
}

/** One of the list of mistakes: usually one check; some are looked for in two ways. */
export interface Mistake {
  readonly number: number
  readonly title: string
  readonly parts: readonly Check[]
}

export const mistakes: readonly Mistake[] = [...Map.groupBy(checks, ({ number }) => number)]
  .map(([number, parts]) => ({ number, title: parts[0]?.title ?? '', parts }))
  .sort((one, other) => one.number - other.number)

/** What a check would need to run. */
export function lackOf({ needs, notYet }: Check): string {
  if (notYet !== undefined) return notYet
  switch (needs) {
    case 'objects':
      return 'needs nothing but objects'
    case 'machines':
      return 'needs agents on the nodes'
    case 'request':
      return 'needs a request: --for FROM TO'
  }
}
