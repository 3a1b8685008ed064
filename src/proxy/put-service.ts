import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import { messageOf } from '../base/errors.ts'
import type { Book, Plain } from './book.ts'
import { readFlow } from './layout/keys.ts'
import type { NodeFacts } from './node.ts'
import type { Objects } from './objects.ts'
import { type HealthCheck, type Portioned, portionOf, type Problem } from './portion.ts'
import type { Reports } from './reports.ts'
import { mostPlain } from './ways.ts'

interface Desk {
  readonly book: Book
  readonly objects: Objects
  readonly node: NodeFacts
  readonly reports: Reports
}

/** Tells the book what a service is now, and the world what of it cannot be obeyed. Returns the health check that it asks for. */
export function putService(key: string, to: Desk): HealthCheck | undefined {
  const { book, objects, node, reports } = to
  const service = objects.service(key)
  const portioned = service && understood(service, objects.slicesOf(key), node)
  const rivals = book.put(key, portioned?.portion, service?.metadata.creationTimestamp)
  reports.say(key, portioned?.problems ?? [])
  for (const each of [key, ...rivals]) reports.say(`addresses of ${each}`, lostBy(each, to))
  return portioned?.healthCheck
}

/** Tells the world which services are served in a plainer way than they ask for; after the book was written, which gives the ways. */
export function tellPlain({ book, objects, node, reports }: Desk): void {
  for (const key of book.takePlainChanged()) {
    const object = objects.service(key)
    const problems = object ? book.plain(key).map((each) => ({ object, say: sayPlain(each, node) })) : []
    reports.say(`ways of ${key}`, problems, 'ServedPlainly')
  }
}

function sayPlain({ flow, kind, wanted }: Plain, node: NodeFacts): string {
  const { address, protocol, port } = readFlow(flow, node.serviceCidr.family)
  const { endpoints, sticky, by } = wanted
  const most = mostPlain(by)
  const lacks = [
    ...(sticky > 0 ? [`clients are not kept at their endpoint for ${sticky} s (sessionAffinity)`] : []),
    ...(endpoints > most ? [`only ${most} of its ${endpoints} endpoints are picked`] : []),
  ]
  return `${kind} ${address} ${protocol} ${port}: ${lacks.join(', ')}, because services have too many different pairs of timeoutSeconds and number of endpoints; give them the same timeoutSeconds`
}

/** The API checks objects before it keeps them; should one come all the same that breaks what reads it, it is the only one that suffers. */
function understood(service: Service, slices: readonly EndpointSlice[], node: NodeFacts): Portioned {
  try {
    return portionOf(service, slices, node)
  } catch (error) {
    const say = `it or one of its endpoint slices is malformed (${messageOf(error)}): the service is not served`
    return { portion: undefined, problems: [{ object: service, say }] }
  }
}

function lostBy(key: string, { book, objects, node }: Desk): Problem[] {
  const object = objects.service(key)
  if (!object) return []
  return book.lost(key).map(({ flow, kind, holder }) => {
    const { address, protocol, port } = readFlow(flow, node.serviceCidr.family)
    const say = `${kind} ${address} ${protocol} ${port} belongs to service ${holder}: this one is not served there`
    return { object, say }
  })
}
