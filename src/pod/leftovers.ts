import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { unmount } from '../kernel/mount.ts'
import { openProcess, SIGNALS } from '../kernel/process.ts'
import type { NodeContext } from './context.ts'
import { Members } from './namespaces.ts'
import { podPaths } from './paths.ts'
import type { PodRecord } from './record.ts'

/** Removes what is left of a pod that was deleted while no agent ran. */
export async function removeLeftover(context: NodeContext, record: PodRecord): Promise<void> {
  const { network, groups, log, stateDir } = context
  const paths = podPaths(stateDir, record)
  log.info({ pod: `${record.namespace}/${record.name}` }, 'a pod was deleted while no agent ran; removing it')
  const runs = Object.values(record.containers).flatMap(({ run }) => (run ? [run] : []))
  await Promise.all(
    runs.map(async ({ init, shim, mounts }) => {
      const first = init && openProcess(init.pid, init.started)
      const members = first && mounts !== undefined ? Members.of(first, mounts) : undefined
      first?.signal(SIGNALS.KILL)
      first?.close()
      // What it started beside itself ends with pause where they share the pod's processes; among the node's own nobody else ends it.
      await members?.kill().catch((error: unknown) => log.error({ error: messageOf(error) }, couldNotEnd))
      members?.close()
      const held = openProcess(shim.pid, shim.started)
      // It would wait for somebody who reads what the container printed last.
      held?.signal(SIGNALS.KILL)
      await held?.ended
      held?.close()
    }),
  )
  const { sandbox } = record
  const pause = sandbox && openProcess(sandbox.pause.pid, sandbox.pause.started)
  if (pause?.signal(SIGNALS.KILL) === true) await pause.ended
  pause?.close()
  if (sandbox) network.del(sandbox.id)
  await groups.remove(record.uid)
  unmountAll(paths.volumes)
  for (const path of [paths.dir, paths.logs]) rmSync(path, { recursive: true, force: true })
}

const couldNotEnd = 'what a container left behind cannot be ended'

function unmountAll(volumes: string): void {
  let names: string[] = []
  try {
    names = readdirSync(volumes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw new Error(messageOf(error), { cause: error })
  }
  for (const name of names) unmount(join(volumes, name))
}
