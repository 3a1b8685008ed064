import { allVisible } from '../../base/visible.ts'
import { allBounded } from '../../trace/render/bounded.ts'
import { type Paint, painter, type TextOptions } from '../../trace/render/paint.ts'
import { renderTrace } from '../../trace/render/text.ts'
import { authors, reasonsOf } from '../../trace/render/why.ts'
import { wrapped } from '../../trace/render/wrap.ts'
import type { Trace, Why } from '../../trace/types.ts'
import { type Diagnosis, mistakes } from '../diagnosis.ts'
import { plural } from '../findings/finding.ts'
import type { Finding, ObjectReference, Patch } from '../types.ts'
import { commandOf } from './command.ts'
import { renderIdle } from './idle.ts'

/** A diagnosis as people read it: what is wrong, most severe first, then what was looked at. */
export function renderDiagnosis(found: Diagnosis, options: TextOptions): string {
  // What a probe printed, say, is a stranger's word, and may be as long as he likes.
  const { request, ...rest } = allVisible(found)
  const diagnosis = allBounded(rest)
  const paint = painter(options.color)
  const { findings, aboutRequest } = diagnosis
  // With a request, what is wrong elsewhere stands apart from what it met, and does not bury it.
  const apart = request === undefined ? findings.length : aboutRequest
  const { verbose } = options
  const notes = request ? notesOf(request) : []
  const all = findings.slice(0, apart)
  const reasons = new Set<Pick<Why, 'code' | 'level'>>(reasonsOf([...all, ...notes]))
  const met = verbose ? all : all.filter((one) => reasons.has(one))
  const besides = findings.slice(apart)
  const shown = [...met, ...besides]
  const lines = [
    // What the doctor says of the request stands below, with its evidence.
    ...(request ? [renderTrace({ ...request, why: notes }, options).trimEnd(), ''] : []),
    ...met.flatMap((one) => [...renderFinding(one, options, paint), '']),
    ...renderBesides(besides, options, paint),
    ...renderEnd({ ...diagnosis, findings: shown }, options, paint),
  ]
  return `${lines.join('\n')}\n`
}

/** What the trace says of FROM and TO and of itself, and no finding tells. */
function notesOf({ why }: Trace): Why[] {
  return why.filter(({ code, level }) => !codes.has(code) || (level === 'error' && authors.includes(code)))
}

const codes = new Set(mistakes.flatMap(({ parts }) => parts.flatMap((part) => part.codes)))

/** A line for each; in full when asked for. */
function renderBesides(findings: readonly Finding[], options: TextOptions, paint: Paint): string[] {
  if (findings.length === 0) return []
  const { width, verbose } = options
  if (verbose)
    return [
      paint('dim', 'besides, not of this request:'),
      '',
      ...findings.flatMap((one) => [...renderFinding(one, options, paint), '']),
    ]
  const lines = findings.map(({ level, object, say }) => {
    const name = nameOf(object)
    const text = `${level}  ${say.startsWith(name) ? say : `${name}: ${say}`}`
    const line = width > 0 && text.length + 2 > width ? `${text.slice(0, width - 3)}…` : text
    return `  ${paint(styles[level], line.slice(0, level.length))}${line.slice(level.length)}`
  })
  return [paint('dim', 'besides, not of this request (-v: in full):'), ...lines, '']
}

function nameOf({ kind, namespace, name }: ObjectReference): string {
  return `${kind.toLowerCase()} ${namespace === undefined ? '' : `${namespace}/`}${name}`
}

const styles = { error: 'red', warning: 'yellow', info: 'cyan' } as const
const certainty = {
  certain: 'certain: it cannot be otherwise',
  likely: 'likely: nothing else is known that looks like this',
  possible: 'possible: worth a look',
}

function renderFinding(one: Finding, { width, verbose }: TextOptions, paint: Paint): string[] {
  const { level, number, object, field, say, fix, patch, command, sure, code } = one
  const evidence = verbose ? one.evidence : one.evidence.slice(0, 2)
  const style = styles[level]
  // What is to be changed may be another object than the one that suffers: the Deployment that makes a service's pods.
  const owner = patch && patch.kind !== object.kind ? `${patch.kind.toLowerCase()}/${patch.name} ` : ''
  return [
    `${paint(style, level)}  ${paint('bold', nameOf(object))}${field === undefined ? '' : paint('dim', `  ${owner}${field}`)}`,
    ...wrapped(`  ${say}`, 2, width),
    ...evidence.flatMap(({ kind, text }) => wrapped(`  ${kind}: ${text}`, 4, width).map((line) => paint('dim', line))),
    ...wrapped(`  -> ${fix}`, 5, width),
    // A command is one line, to be copied: the terminal breaks it, and nobody else.
    ...(patch ? [`     ${renderCommand(patch, paint)}`] : []),
    ...(command === undefined ? [] : [`     ${paint('green', command)}`]),
    ...wrapped(`  ${code}, mistake ${number}; ${certainty[sure]}`, 2, width).map((line) => paint('dim', line)),
  ]
}

/** More than a command line of ours has; what is cut would be another command. */
const longestCommand = 4000

function renderCommand(patch: Patch, paint: Paint): string {
  const command = commandOf(patch)
  if (command.length <= longestCommand) return paint('green', command)
  return paint('dim', `the command has ${command.length.toLocaleString('en')} characters: patch in -o json`)
}

function renderEnd(diagnosis: Diagnosis, { width, verbose }: TextOptions, paint: Paint): string[] {
  const { looked, checks, findings, early, untold } = diagnosis
  const known = checks.filter(({ number }) => number <= 25)
  const ran = known.filter((one) => one.ran)
  const partly = ran.filter(({ because }) => because !== undefined).length
  const done = `${ran.length} of ${known.length} checks${partly === 0 ? '' : ` (${partly} in part)`}`
  const router = looked.router ? ' (one is the router’s)' : ''
  const kernels = looked.machines === 0 ? '' : `, ${plural(looked.machines, 'kernel')}${router}`
  const what = `looked at ${plural(looked.services, 'service')}, ${plural(looked.pods, 'pod')}, ${plural(looked.nodes, 'node')}${kernels}`
  return [
    ...wrapped(`${what}: ${done}, ${countOf(findings)}`, 2, width).map((line) => paintCounts(line, paint)),
    ...early.flatMap(({ say }) => wrapped(`not finished yet: ${say}`, 2, width).map((line) => paint('yellow', line))),
    ...untold.flatMap((say) => wrapped(`not looked at: ${say}`, 2, width).map((line) => paint('yellow', line))),
    ...renderIdle(known, looked.machines > 0, verbose).flatMap((line) =>
      wrapped(line, 6, width).map((text) => paint('dim', text)),
    ),
  ]
}

function countOf(findings: readonly Finding[]): string {
  const counts = (['error', 'warning', 'info'] as const)
    .map((level) => [level, findings.filter((one) => one.level === level).length] as const)
    .filter(([, count]) => count > 0)
    .map(([level, count]) => (level === 'info' ? `${count} for information` : plural(count, level)))
  return counts.length === 0 ? 'nothing wrong' : counts.join(', ')
}

/** After the line is broken: colours have no width. */
function paintCounts(line: string, paint: Paint): string {
  return line
    .replace(/nothing wrong/, (text) => paint('green', text))
    .replace(/\d+ errors?/, (text) => paint('red', text))
    .replace(/\d+ warnings?/, (text) => paint('yellow', text))
    .replace(/\d+ for information/, (text) => paint('cyan', text))
}

/** `doctor --list`: every mistake with its number and what is needed to see it. */
export function renderList({ width, color }: TextOptions): string {
  const paint = painter(color)
  const rows = mistakes.flatMap(({ number, title, parts }) => {
    const [first] = parts
    const from = [...new Set(parts.map((part) => needsOf[part.needs]))].join(', or ')
    const more = parts.flatMap(({ uses }) => (uses === undefined ? [] : [`; more ${needsOf[uses]}`]))
    const needs = first?.notYet ?? `${from}${more.join('')}`
    return [
      ...(number === 26 ? ['', 'besides, in requests:'] : []),
      ...wrapped(`${String(number).padStart(2)}  ${title}`, 4, width),
      ...wrapped(`    ${needs}`, 4, width).map((line) => paint('dim', line)),
    ]
  })
  return `${rows.join('\n')}\n`
}

const needsOf = {
  objects: 'from the objects of any cluster',
  machines: 'from the kernels of the nodes, by their agents',
  request: 'from a request: --for FROM TO',
} as const
