import type { Pod } from '../api/objects/pod.ts'
import type { ContainerLife } from './container/life.ts'

/**
 * Ends all containers of a pod: sidecars when all others have ended, the last one first (KEP-753). A second call can only make it sooner. Fulfilled
 * when all have ended.
 */
export async function endContainers(
  { spec }: Pod,
  containers: ReadonlyMap<string, ContainerLife>,
  graceMs: number,
): Promise<void> {
  const sidecars = (spec.initContainers ?? [])
    .filter(({ restartPolicy }) => restartPolicy === 'Always')
    .flatMap(({ name }) => containers.get(name) ?? [])
  const others = [...containers.values()].filter((life) => !sidecars.includes(life))
  let before: Promise<unknown> = Promise.all(others.map((life) => life.stop(graceMs)))
  for (const life of sidecars.toReversed()) {
    const ended = life.stop(graceMs, before.then(ignore))
    before = Promise.all([before, ended])
  }
  await before
}

function ignore(): void {}
