import { type Family, labelsText, numberText } from '../../base/metrics/family.ts'
import type { HandlerName } from '../handlers/handler.ts'
import { rcodeName } from '../wire/message.ts'
import {
  answerers,
  countedTypes,
  durationBounds,
  healthBounds,
  places,
  programmedBounds,
  rcodeCount,
  serviceKinds,
  sizeBounds,
} from './metrics.ts'

type Labels = Readonly<Record<string, string>>
type Series = readonly { readonly labels?: Labels; readonly value: number }[]

/** What {@link Metrics.cells} count, under CoreDNS' names and labels, so that its dashboards and alerts work. `port`: the one served. */
export function countedFamilies(cells: () => Float64Array, port: number): Family[] {
  const server = serverLabels(port)
  const both = (start: number): { labels: Labels; at: number }[] => [
    { labels: { proto: 'udp', ...server }, at: start },
    { labels: { proto: 'tcp', ...server }, at: start + sizeBounds.length + 2 },
  ]
  const kinds = serviceKinds.map((kind, index) => ({
    labels: { service_kind: kind },
    at: places.programmed + index * (programmedBounds.length + 2),
  }))
  const one = (name: string, help: string, at: number, labels: Labels = {}): Family =>
    labelled('counter', name, help, () => [{ labels, value: cells()[at] ?? 0 }])
  const spread = (
    name: string,
    help: string,
    bounds: readonly number[],
    each: readonly { labels: Labels; at: number }[],
  ): Family => ({
    name: `coredns_${name}`,
    help,
    type: 'histogram',
    samples: () => histogram(name, cells(), bounds, each),
  })
  return [
    labelled('counter', 'coredns_dns_requests_total', 'Questions, by type and transport.', () =>
      requests(cells(), server),
    ),
    one('coredns_dns_do_requests_total', 'Questions with the DO bit.', places.signed, server),
    labelled('counter', 'coredns_dns_responses_total', 'Answers, by code and by who gave them.', () =>
      responses(cells(), server),
    ),
    spread('dns_request_duration_seconds', 'Time from question to answer.', durationBounds, [
      { labels: server, at: places.duration },
    ]),
    spread('dns_request_size_bytes', 'Length of questions.', sizeBounds, both(places.requestSize)),
    spread('dns_response_size_bytes', 'Length of answers.', sizeBounds, both(places.responseSize)),
    spread(
      'kubernetes_dns_programming_duration_seconds',
      'Time from a change of endpoints until it is answered.',
      programmedBounds,
      kinds,
    ),
    spread('health_request_duration_seconds', 'Time that this server takes to answer its own /health.', healthBounds, [
      { labels: {}, at: places.health },
    ]),
    labelled('counter', 'coredns_autopath_success_total', 'Search lists that were walked for a pod.', () => [
      { labels: { server: server.server }, value: responsesOf(cells(), 'autopath') },
    ]),
    one('coredns_health_request_failures_total', 'Own questions to /health that failed.', places.healthFailures),
    one('coredns_reload_failed_total', 'Configurations that were wrong, and are not in force.', places.reloadFailed),
    one('coredns_panics_total', 'Messages that uncovered a defect.', places.panics),
    one('kubehop_dns_dropped_total', 'Messages that got no answer.', places.dropped),
  ]
}

/** Values with labels that are asked for when they are told. Labels are in the order of the alphabet, as Prometheus' own libraries print them. */
export function labelled(type: 'counter' | 'gauge', name: string, help: string, read: () => Series): Family {
  return {
    name,
    help,
    type,
    *samples() {
      for (const { labels, value } of read()) yield `${name}${textOf(labels)} ${numberText(value)}\n`
    },
  }
}

/** The labels that CoreDNS gives to everything about one of its server blocks: we are as one block for all names. */
export function serverLabels(port: number): { server: string; view: string; zone: string } {
  return { server: `dns://:${port}`, view: '', zone: '.' }
}

function requests(cells: Float64Array, server: Labels): Series {
  return countedTypes.flatMap(([, type], index) =>
    [0, 1, 2, 3].flatMap((bits) => {
      const value = cells[places.requests + (index << 2) + bits] ?? 0
      // 1 and 2: IP and IP6, as IANA numbers address families.
      const labels = { ...server, type, proto: bits & 2 ? 'tcp' : 'udp', family: bits & 1 ? '2' : '1' }
      return value > 0 ? [{ labels, value }] : []
    }),
  )
}

function responses(cells: Float64Array, server: Labels): Series {
  return answerers.flatMap((plugin, index) =>
    Array.from({ length: rcodeCount }, (_, rcode) => rcode).flatMap((rcode) => {
      const value = cells[places.responses + index * rcodeCount + rcode] ?? 0
      const labels = { ...server, plugin, rcode: rcodeName(rcode) }
      return value > 0 ? [{ labels, value }] : []
    }),
  )
}

function responsesOf(cells: Float64Array, plugin: HandlerName): number {
  const start = places.responses + answerers.indexOf(plugin) * rcodeCount
  return cells.slice(start, start + rcodeCount).reduce((sum, value) => sum + value, 0)
}

function* histogram(
  plain: string,
  cells: Float64Array,
  bounds: readonly number[],
  each: readonly { labels: Labels; at: number }[],
): Generator<string> {
  const name = `coredns_${plain}`
  for (const { labels, at } of each) {
    let count = 0
    let lines = ''
    for (const [index, bound] of [...bounds, Number.POSITIVE_INFINITY].entries()) {
      count += cells[at + index] ?? 0
      lines += `${name}_bucket${textOf({ ...labels, le: numberText(bound) })} ${count}\n`
    }
    // As in CoreDNS, a series with labels is there once it has been used.
    if (count === 0 && Object.keys(labels).length > 0) continue
    const text = textOf(labels)
    yield `${lines}${name}_sum${text} ${numberText(cells[at + bounds.length + 1] ?? 0)}\n${name}_count${text} ${count}\n`
  }
}

function textOf(labels: Labels = {}): string {
  const names = Object.keys(labels).sort()
  return labelsText(
    names,
    names.map((name) => labels[name] ?? ''),
  )
}
