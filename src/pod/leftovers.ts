import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { unmount } from '../kernel/mount.ts'
import { openProcess, SIGNALS } from '../kernel/process.ts'
import type { NodeContext } from './context.ts'
import { Members } from './namespaces.ts'
import { namesIn, podPaths, uidOfLogs } from './paths.ts'
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
  // The record goes last of all: whoever is killed in between leaves it to the next.
  for (const path of [paths.logs, paths.dir]) rmSync(path, { recursive: true, force: true })
}

/** Removes folders of pods that no record tells of and that are not here (`here`: by uid): an agent was killed while it made or removed them. */
export function removeUnrecorded(stateDir: string, here: ReadonlySet<string>, log: Log): void {
  const found = [
    ...namesIn(join(stateDir, 'pods')).map((uid) => ({ uid, path: join(stateDir, 'pods', uid) })),
    ...namesIn(join(stateDir, 'logs')).map((name) => ({ uid: uidOfLogs(name), path: join(stateDir, 'logs', name) })),
  ]
  for (const { uid, path } of found) {
    if (here.has(uid)) continue
    try {
      unmountAll(join(path, 'volumes'))
      rmSync(path, { recursive: true, force: true })
    } catch (error) {
      log.error({ path, error: messageOf(error) }, 'what is left of a pod could not be removed')
    }
  }
}

const couldNotEnd = 'what a container left behind cannot be ended'

function unmountAll(volumes: string): void {
  for (const name of namesIn(volumes)) unmount(join(volumes, name))
}
