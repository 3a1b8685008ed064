import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { version } from '../../src/base/version.ts'
import type { Figure, Outcome, Row } from './bench.ts'
import { ratio } from './figure.ts'
import { describeMachine, type Machine, machine } from './machine.ts'

export interface Report extends Outcome {
  bench: string
  about: string
  command: string
  version: string
  date: string
  machine: Machine
}

export function reportOf(name: string, about: string, long: boolean, outcome: Outcome): Report {
  return {
    bench: name,
    about,
    command: `npm run bench -- ${name}${long ? ' --long' : ''}`,
    version,
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    ...outcome,
  }
}

/** The results of the last run that was kept. */
export function kept(name: string): Report {
  return JSON.parse(readFileSync(`bench/results/${name}.json`, 'utf8')) as Report
}

/** Writes bench/results/NAME.json; where this user may not, only says so. */
export function keep(report: Report): void {
  const path = `bench/results/${report.bench}.json`
  const rounded = (_: string, value: unknown): unknown =>
    typeof value === 'number' ? Number(value.toPrecision(4)) : value
  try {
    writeFileSync(`${path}.new`, `${JSON.stringify(report, rounded, 2)}\n`)
    renameSync(`${path}.new`, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EROFS') throw error
    console.log(`  (not kept: ${path} is not writable for this user)`)
  }
}

/** The table for people. */
export function render(report: Report): string {
  const header = ['', 'kubehop', 'peer', 'better by', 'asked for']
  const rows = report.rows.map((row) => [
    row.what,
    say(row, row.figure),
    peerOf(row),
    times(ratio(row)),
    row.reach ?? '',
  ])
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => (row[column] ?? '').length)))
  const line = (row: string[]): string =>
    `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd()
  return [
    `${report.bench}: ${report.about}`,
    line(header),
    ...rows.map(line),
    ...(report.notes ?? []).map((note) => `  * ${note}`),
    `  (${describeMachine(report.machine)}; median and quartiles; ${report.command})`,
  ].join('\n')
}

function peerOf(row: Row): string {
  if (row.peer) return `${say(row, row.peer.figure)}  ${row.peer.what}`
  return row.recorded ?? ''
}

function say({ unit }: Row, { median, quartiles: [low, high], rounds }: Figure): string {
  return rounds === 1
    ? `${short(median)} ${unit}`
    : `${short(median)} ${unit} (${short(low)}..${short(high)}, n=${rounds})`
}

function times(value: number | undefined): string {
  return value === undefined ? '' : `${short(value)} x`
}

/** Three digits are more than a shared machine can promise. */
function short(value: number): string {
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(digits, 3))
}
