import type { KubeObject, LabelSelector } from '../../objects/meta.ts'
import type { Container } from '../../objects/pod.ts'
import { formatSelector } from '../../select/labels.ts'

export interface Column<T> {
  readonly name: string
  readonly type?: 'string' | 'integer'
  /** Only with `-o wide`. */
  readonly wide?: boolean
  readonly say?: string
  readonly cell: (object: T) => string | number
}

export type Columns<T> = readonly Column<T>[]

export const nameColumn: Column<KubeObject> = { name: 'Name', cell: (object) => object.metadata.name }
export const ageColumn: Column<KubeObject> = {
  name: 'Age',
  say: 'Time since the object was created',
  cell: (object) => since(object.metadata.creationTimestamp),
}

export function text<T>(name: string, cell: Column<T>['cell'], wide = false): Column<T> {
  return { name, cell, wide }
}

export function count<T>(name: string, cell: (object: T) => number): Column<T> {
  return { name, type: 'integer', cell }
}

/** Columns that show what a workload's template runs. */
export function templateColumns<T>(
  containers: (object: T) => Container[],
  selector: (object: T) => LabelSelector,
): Columns<T> {
  return [
    text('Containers', (object) => joined(containers(object).map((one) => one.name)), true),
    text('Images', (object) => joined(containers(object).map((one) => one.image ?? '')), true),
    text('Selector', (object) => formatSelector(selector(object)) || none, true),
  ]
}

export const none = '<none>'

export function joined(values: readonly string[]): string {
  return values.length === 0 ? none : values.join(',')
}

/** How long ago, as kubectl shows ages. */
export function since(timestamp: string | undefined, now: number = Date.now()): string {
  return timestamp === undefined ? '<unknown>' : duration(now - Date.parse(timestamp))
}

/** k8s.io/apimachinery duration.HumanDuration: about two digits, the less of them the longer it is. */
export function duration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(seconds / 60)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(minutes / 60)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / 24)
  if (hours < 192) return pair(days, 'd', hours % 24, 'h')
  if (days < 730) return `${days}d`
  const years = Math.trunc(days / 365)
  return days < 2920 ? pair(years, 'y', days % 365, 'd') : `${years}y`
}

function pair(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit}${small}${smallUnit}`
}
