import type { Case } from '../../trace/case.ts'
import type { Sighting } from '../../trace/flow/flow.ts'
import type { Place, RuleMet } from '../../trace/observation.ts'
import { errorOf, type IcmpError, sayError } from '../../trace/tell/error.ts'
import { answerStoppedBy, droppedBy, isServiceRule, ruleText } from '../../trace/tell/rules.ts'
import { ipOf, packetText } from '../../trace/tell/story.ts'
import { refusedBy } from '../../trace/tell/verdict.ts'
import type { Because } from '../../trace/types.ts'
import type { Check, Finding, ObjectReference } from '../types.ts'
import { afterDrop, afterNo, afterRefusal, deleteLine, listRules } from './21-after-no.ts'
import { senderOf } from './finding.ts'
import { type Vanished, vanished } from './21-vanished.ts'
import { onNode } from './on-node.ts'

/** "Refused" and "timeout" have an author: the place that said no, or the last one that saw the request before the silence. */
export const check: Check = {
  number: 21,
  title: 'refused or timeout: which hop said so, or stayed silent',
  codes: ['SaidNo', 'AnswerLost', 'AnsweredElse', 'Silence', 'NotSent'],
  needs: 'request',
  find: ({ request }) => {
    if (request === undefined || request.verdict === 'delivered') return []
    // What came from a pod's program, 28 tells.
    const author = authorOf(request)
    return author.code === 'AnsweredElse' && author.object.kind === 'Pod' ? [] : [author]
  },
}

function authorOf(one: Case): Finding {
  const { story, verdict, result } = one
  const { there, back, answer } = story.flow
  const [first, last] = [there[0], there.at(-1)]
  if (verdict === 'name-not-found') return noAddress(one)
  if (!first || !last) return notSent(one)
  const end = back.at(-1)
  const stopped = end && answerStoppedBy(story, end)
  const heard = end?.place.name === first.place.name && !stopped
  const cause = end && !stopped ? vanished(one, end) : undefined
  const gone = lost(end, stopped, cause)
  const afterLoss = stopped ? afterDrop(nameOf(stopped.place), stopped) : (cause?.fix ?? fixes.AnswerLost)
  const error = errorOf(story)
  if (error) {
    const { destination, length } = ipOf(last)
    const say = `${error.here ? nameOf(error.first.place) : error.by} said no ${after(first, error.first)}: ${sayError(error, length, destination)} (ICMP: ${error.name})${heard ? '' : gone}`
    const fix = heard ? afterNo(one, error, refusedBy(story), destination) : afterLoss
    return finding(
      one,
      heard ? 'SaidNo' : 'AnswerLost',
      error.first.place,
      say,
      wordsOf(error.first),
      fix,
      heard ? lineCommand(error) : (stopped ?? cause),
    )
  }
  const reply = back[0]
  if (reply && answer === 'reset') {
    const speaker = refusedBy(story)
    const who =
      speaker === 'target'
        ? `the kernel of ${nameOf(reply.place)}`
        : `a rule of ${nameOf(reply.place)}, in the place of the address that was asked for,`
    const say = `${who} said no ${after(first, reply)}: it reset the connection${heard ? '' : gone}`
    const fix = heard ? afterRefusal(nameOf(reply.place), speaker) : afterLoss
    return finding(
      one,
      heard ? 'SaidNo' : 'AnswerLost',
      reply.place,
      say,
      wordsOf(reply),
      fix,
      heard ? undefined : (stopped ?? cause),
    )
  }
  if (reply && !heard)
    return finding(
      one,
      'AnswerLost',
      (end ?? reply).place,
      `${nameOf(reply.place)} answered ${after(first, reply)}${gone}`,
      wordsOf(end ?? reply),
      afterLoss,
      stopped ?? cause,
    )
  if (reply && end && ipOf(end).source !== ipOf(first).destination) {
    const say = `${nameOf(reply.place)} answered ${after(first, reply)}, and its answer came back from ${ipOf(end).source}, whom nobody had asked: on its way nothing put ${ipOf(first).destination} in its place again`
    return finding(one, 'AnswerLost', end.place, say, wordsOf(end), fixes.AnswerLost)
  }
  if (reply && result?.kind === 'sent' && result.status !== undefined) {
    const say = `${nameOf(reply.place)} took the connection ${after(first, reply)}, and over it came no answer to this request: ${result.status}`
    return finding(one, 'AnsweredElse', reply.place, say, wordsOf(reply), fixes.AnsweredElse)
  }
  if (reply && result?.kind === 'sent') {
    const say = `the kernel of ${nameOf(reply.place)} took the connection ${after(first, reply)}; what is silent is the program behind it: nothing more came within ${seconds(result.ms)}`
    return finding(one, 'Silence', reply.place, say, wordsOf(reply), fixes.Silence)
  }
  return silence(one, last)
}

function silence(one: Case, last: Sighting): Finding {
  const { story, hops, result, observations } = one
  const drop = hops.at(-1)
  const unwatched = observations.flatMap((each) => (each.kind === 'unwatched' ? [each.node] : []))
  const tries = story.flow.tries > 1 ? `, sent ${story.flow.tries} times` : ''
  const time = result?.kind === 'sent' ? ` within ${seconds(result.ms)}` : ''
  const place = nameOf(last.place)
  const by = droppedBy(story, last.place, ipOf(last))
  const seen =
    drop?.action === 'dropped' && drop.because.kind === 'rule'
      ? `a rule of ${place} threw it away without a word (${drop.because.text})`
      : last.direction === 'in'
        ? last.place.kind === 'pod'
          ? `it reached ${place}, which did not answer`
          : `it came to ${place} by ${last.device} and did not go on`
        : `it left ${place} by ${last.device}, and nobody behind saw it`
  const cause = by ? undefined : vanished(one, last)
  const more = cause ? `: ${cause.say}` : unwatched.length > 0 ? `; ${unwatched.join(', ')} could not be watched` : ''
  const because: Because = drop?.action === 'dropped' ? drop.because : wordsOf(last)
  return finding(
    one,
    'Silence',
    last.place,
    `nobody said anything${time}${tries}: ${seen}${more}`,
    because,
    cause?.fix ?? afterDrop(place, by),
    by ?? cause,
  )
}

function notSent(one: Case): Finding {
  const { source, hops, result } = one
  const because: Because = hops.at(-1)?.because ?? { kind: 'packet', text: 'no packet was seen' }
  const who = source.pod ? `pod ${source.key}` : source.key
  if (because.kind === 'neighbour' && result?.kind === 'sent' && result.outcome === 'timeout') {
    // Its kernel was still asking when the time was over.
    const say = `${who} asked its wire who has that address, and nobody answered within ${seconds(result.ms)}: no packet of the request left (${because.text})`
    return { ...common, code: 'NotSent', object: senderOf(one), evidence: [because], say, fix: fixes.NotSent }
  }
  const outcome = result?.kind === 'sent' ? `: ${outcomes[result.outcome] ?? result.outcome}` : ''
  const say = `the kernel of ${who} itself said so${outcome}; no packet of the request was seen anywhere (${because.text})`
  return { ...common, code: 'NotSent', object: senderOf(one), evidence: [because], say, fix: fixes.NotSent }
}

function noAddress(one: Case): Finding {
  const told = one.dns.filter(({ answers }) => answers.length === 0)
  const last = told.at(-1) ?? one.dns.at(-1)
  const say = last
    ? `${last.server} said no: ${last.rcode} to "${last.question}" (${last.type})${told.length > 1 ? `, the last of ${told.length} questions` : ''}; nothing was sent`
    : 'no name server was asked, and nothing was sent'
  const evidence = told.slice(0, 8).map(
    ({ question, type, server, rcode }): Because => ({
      kind: 'packet',
      text: `${question} ${type}, asked of ${server}: ${rcode}`,
    }),
  )
  const none: Because = { kind: 'object', text: `${one.target.text} has no address` }
  return {
    ...common,
    code: 'SaidNo',
    object: senderOf(one),
    evidence: evidence.length > 0 ? evidence : [none],
    say,
    fix: last
      ? `see the questions one by one: the search list ${one.source.kind === 'pod' ? 'of the pod’s resolv.conf' : `in the resolv.conf of ${one.source.node}`} makes them`
      : 'write an address, or an object: svc/NAME, pod/NAME:PORT',
  }
}

const common = { number: 21, level: 'info', sure: 'certain' } as const

const fixes = {
  AnsweredElse: 'the network did its part: look at the program, and whether it speaks what was asked for',
  AnswerLost: 'the request arrived: look at the way back, from the place that saw the answer last',
  Silence: 'the network did its part: look at the program, kubectl logs',
  NotSent: 'look at the sender’s own routes and neighbours: ip route and ip neigh in its namespace',
} as const

function finding(
  one: Case,
  code: Exclude<keyof typeof fixes, 'NotSent'> | 'SaidNo',
  place: Place,
  say: string,
  because: Because,
  fix: string,
  by?: RuleMet | Vanished,
): Finding {
  return {
    ...common,
    code,
    object: objectOf(place),
    also: [senderOf(one)],
    evidence: [because],
    say,
    fix,
    ...commandFor(one, by),
  }
}

/** A line of a routing table said no: by deleting it. */
function lineCommand({ line, first: { place } }: IcmpError): Vanished | undefined {
  return line && { say: line.say, fix: '', run: { on: place.name, command: deleteLine(line.text) } }
}

function commandFor({ cluster }: Case, by: RuleMet | Vanished | undefined): { command?: string } {
  if (!by) return {}
  if (!('kind' in by)) return by.run ? onNode(cluster, by.run.on, by.run.command) : {}
  return isServiceRule(by) ? {} : onNode(cluster, nameOf(by.place), listRules)
}

const kinds = { pod: 'Pod', node: 'Node', router: 'Router', outside: 'Node' } as const

function objectOf({ kind, name }: Place): ObjectReference {
  if (kind !== 'pod') return { kind: kinds[kind], name }
  const [namespace = '', pod = ''] = name.split('/')
  return { kind: 'Pod', namespace, name: pod }
}

function nameOf({ kind, name }: Place): string {
  return kind === 'pod' ? `pod ${name}` : name
}

function wordsOf(one: Sighting): Because {
  return { kind: 'packet', text: `${nameOf(one.place)}, ${one.device} ${one.direction}: ${packetText(one)}` }
}

function lost(last: Sighting | undefined, by: RuleMet | undefined, cause: Vanished | undefined): string {
  if (!last) return ''
  if (by) return `, and the answer was lost on its way: a rule of ${nameOf(by.place)} was against it (${ruleText(by)})`
  const where =
    last.direction === 'out'
      ? `left ${nameOf(last.place)} by ${last.device}`
      : `came to ${nameOf(last.place)} by ${last.device}`
  return `, and the answer was lost on its way: the last that was seen of it, it ${where}${cause ? `: ${cause.say}` : ''}`
}

function after(first: Sighting, then: Sighting): string {
  const ms = Number(then.time - first.time) / 1e6
  return `after ${ms < 1 ? ms.toFixed(2) : Math.round(ms)} ms`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`
}

const outcomes: Readonly<Record<string, string>> = {
  refused: 'refused',
  unreachable: 'no way there, or nobody has the address',
  timeout: 'no answer in time',
}
