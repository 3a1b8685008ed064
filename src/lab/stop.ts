import { existsSync } from 'node:fs'
import { removePlace } from '../kernel/cgroup/groups.ts'
import { openProcess, SIGNALS } from '../kernel/process.ts'
import { dropNote, type LabRecord, needOwn, readRecord, removeFolder, sharedImages } from './folder.ts'

/**
 * Ends a lab and removes all that is left of it: processes, namespaces, mounts, files. Works on a lab that is half there, too.
 * @throws KubehopError `OtherUser`.
 */
export async function removeLab(name: string): Promise<void> {
  needOwn(name)
  // Whoever is starting it sees by this why it ends.
  dropNote(name)
  const record = readRecord(name)
  if (record) await endLab(record)
  // Images that were removed while its containers used them.
  if (existsSync(sharedImages())) await (await import('./images.ts')).imagesOf(undefined).collect()
  removeFolder(name, undefined)
}

/**
 * Kills the lab's first process. The kernel then kills every process of its PID namespace, and only after the last of them has gone
 * does the first one end (pid_namespaces(7)); namespaces and mounts go with their last process. Control groups do not.
 */
export async function endLab(record: Pick<LabRecord, 'init' | 'outside' | 'groups'>): Promise<void> {
  const held = [record.init, record.outside].flatMap(({ pid, started }) => openProcess(pid, started) ?? [])
  for (const process of held) process.signal(SIGNALS.KILL)
  for (const process of held) {
    await process.ended
    process.close()
  }
  if (record.groups) await removePlace(record.groups)
}
