import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, Client, FollowOptions } from '../api/client/client.ts'
import type { Service } from '../api/objects/service.ts'
import { followBalanced } from './follow-balanced.ts'

/** The Client contract over changes made by hand. */
class ByHand {
  readonly followed: string[] = []
  readonly #options = new Map<string, FollowOptions<never>>()
  readonly client: Pick<Client, 'follow'> = {
    follow: ((kind: string, options: FollowOptions<never>) => {
      this.followed.push(kind)
      this.#options.set(kind, options)
      return { synced: Promise.resolve(), list: () => [], get: () => undefined, close: () => {} }
    }) as never,
  }

  emit(kind: string, type: Change<never>['type'], object: object): void {
    const options = this.#options.get(kind)
    const shape = options?.shape as ((object: object) => object) | undefined
    options?.onChange?.({ type, object: shape?.(object) ?? object } as never)
    options?.onBatch?.()
  }
}

const service = (name: string, ip: string | undefined, spec: Partial<Service['spec']> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop', annotations: { long: 'text' } },
  spec: { type: 'LoadBalancer', ...spec },
  status: { loadBalancer: { ingress: ip === undefined ? [] : [{ ip }] } },
})

test('only services with a load balancer’s address are news, and are kept', () => {
  const hand = new ByHand()
  let news = 0
  const balanced = followBalanced(hand.client, () => news++)
  hand.emit('Service', 'added', service('plain', undefined))
  assert.deepEqual([news, [...balanced.services()]], [0, []])
  hand.emit('Service', 'modified', service('plain', '203.0.113.7'))
  assert.deepEqual([news, [...balanced.services()].map(({ metadata }) => metadata.name)], [1, ['plain']])
  hand.emit('Service', 'modified', service('plain', undefined))
  assert.deepEqual([news, [...balanced.services()]], [2, []])
  hand.emit('Service', 'added', service('other', '203.0.113.8'))
  hand.emit('Service', 'deleted', service('other', '203.0.113.8'))
  assert.deepEqual([news, [...balanced.services()]], [4, []])
})

test('endpoints are followed once somebody’s traffic policy is Local', () => {
  const hand = new ByHand()
  let news = 0
  const balanced = followBalanced(hand.client, () => news++)
  hand.emit('Service', 'added', service('big', '203.0.113.7'))
  assert.deepEqual(hand.followed, ['Service'])
  const local = service('big', '203.0.113.7', { externalTrafficPolicy: 'Local' })
  hand.emit('Service', 'modified', local)
  assert.deepEqual(hand.followed, ['Service', 'EndpointSlice'])
  const slice = { metadata: { name: 'big-1', namespace: 'shop' }, endpoints: [] }
  hand.emit('EndpointSlice', 'added', slice)
  assert.deepEqual([news, [...balanced.slices()].length], [3, 1])
  hand.emit('Service', 'modified', local)
  assert.equal(hand.followed.length, 2)
  // Nobody needs them any more: they are no news.
  hand.emit('Service', 'modified', service('big', '203.0.113.7'))
  hand.emit('EndpointSlice', 'deleted', slice)
  assert.deepEqual([news, [...balanced.slices()].length], [5, 0])
})
