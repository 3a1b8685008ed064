import { ApiError, type Client } from '../api/client/client.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'
import { qualified, resources } from '../api/resources.ts'
import { messageOf } from '../base/errors.ts'
import type { View } from './types.ts'

/** The objects that checks read, and of each kind that could not be listed, why. */
export interface Look extends Pick<View, 'cluster'> {
  readonly events: NonNullable<View['events']>
  readonly policies: NonNullable<View['policies']>
  readonly namespaces: NonNullable<View['namespaces']>
  readonly untold: readonly string[]
}

/** One look at all of a cluster's objects. Throws when not even services can be listed. */
export async function lookAt(client: Pick<Client, 'list'>, zone: string): Promise<Look> {
  const untold: string[] = []
  const list = async <K extends KindName>(kind: K, fieldSelector?: string): Promise<Kinds[K][]> => {
    try {
      return (await client.list(kind, fieldSelector === undefined ? {} : { fieldSelector })).items
    } catch (error) {
      if (kind === 'Service' || !(error instanceof ApiError)) throw error
      // A server without the kind has no such objects; one that hides them may have.
      if (error.code !== 404) untold.push(`${qualified(resources[kind])} could not be listed: ${messageOf(error)}`)
      return []
    }
  }
  const [services, pods, slices, nodes, deployments, replicaSets, events, policies, namespaces] = await Promise.all([
    list('Service'),
    list('Pod'),
    list('EndpointSlice'),
    list('Node'),
    list('Deployment'),
    list('ReplicaSet'),
    list('Event', 'type=Warning'),
    list('NetworkPolicy'),
    list('Namespace'),
  ])
  // Go writes an empty list as null.
  const whole = slices.map((one) => ({ ...one, endpoints: (one.endpoints as typeof one.endpoints | null) ?? [] }))
  const cluster = { services, pods, slices: whole, nodes, deployments, replicaSets, zone }
  return { cluster, events, policies, namespaces, untold }
}
