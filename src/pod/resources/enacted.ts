import type { Container, ContainerStatus } from '../../api/objects/pod.ts'
import type { Abilities } from '../unsupported.ts'

type Amounts = Record<string, string | number>

/**
 * What the status of a container tells of its resources once it was started (kubelet's convertContainerStatusResources, KEP-1287): `allocatedResources` is
 * what it was promised, `resources` what is in force. A limit is where a control group holds it; so is a request for cpu, which is a share. Requests for anything
 * else are kept by the scheduler alone.
 */
export function enacted(
  { resources }: Pick<Container, 'resources'>,
  missing: Abilities['missing'],
): Pick<ContainerStatus, 'allocatedResources' | 'resources'> {
  const promised = resources?.['requests'] as Amounts | undefined
  const limits = those(resources?.['limits'] as Amounts | undefined, (name) => held(name, missing))
  const requests = those(promised, (name) => name !== 'cpu' || held(name, missing))
  return {
    ...(promised && Object.keys(promised).length > 0 && { allocatedResources: promised }),
    resources: { ...(limits && { limits }), ...(requests && { requests }) },
  }
}

function held(name: string, missing: Abilities['missing']): boolean {
  return (name === 'cpu' || name === 'memory') && missing[name] === undefined
}

/** Undefined when there are none. */
function those(amounts: Amounts | undefined, hold: (name: string) => boolean): Amounts | undefined {
  const left = Object.entries(amounts ?? {}).filter(([name]) => hold(name))
  return left.length === 0 ? undefined : Object.fromEntries(left)
}
