import { gatherMachine } from '../../src/doctor/gather/machine.ts'
import type { FactsEnvironment, PodHere } from '../../src/doctor/gather/environment.ts'
import type { MachineFacts } from '../../src/doctor/facts.ts'
import { cidr } from '../../src/base/address.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import type { World } from './trace-world.ts'

/** What a node of a world says, as its agent would tell it. `more`: containers of pods and what they printed, by the pods' keys. */
export function factsOf(world: World, node: string, more: More = {}): Promise<MachineFacts> {
  return gatherMachine(environmentOf(world, node, more))
}

type More = Readonly<Record<string, Partial<Pick<PodHere, 'containers' | 'lastWords'>>>>

/** What an agent would lend whoever gathers, made once. */
export function environmentOf(world: World, node: string, more: More = {}): FactsEnvironment {
  const ns = world.node(node)
  using here = openRouteSocket(ns)
  const cables = new Map(here.links().map(({ index, name }) => [index, name]))
  const pods = world.pods
    .filter(({ spec }) => spec.nodeName === node)
    .map(({ metadata: { namespace = '', name } }): PodHere => {
      const netns = world.netns(name, namespace)
      using inside = openRouteSocket(netns)
      return {
        pod: `${namespace}/${name}`,
        uid: name,
        netns: `/proc/self/fd/${netns.fd}`,
        hostDevice: cables.get(inside.link('eth0')?.peer?.index ?? 0),
        containers: [],
        resolvConf: () => world.resolvConf,
        lastWords: async () => '',
        ...more[`${namespace}/${name}`],
      }
    })
  return { node, kind: 'node', ns, services: [cidr('100.64.0.0/13')], pods: () => pods }
}
