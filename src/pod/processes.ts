import type { Address } from '../base/address.ts'
import type { PodLife } from './pod-life.ts'
import type { KnownPod } from './strays.ts'

/** Where a pod is in this machine. */
export interface PodProcess {
  namespace: string
  name: string
  uid: string
  pausePid: number
  address: Address | undefined
  /** The node's end of its cable: `veth3`. */
  hostDevice: string | undefined
  containers: { name: string; pid: number | undefined }[]
}

export function knownOf(life: PodLife): KnownPod[] {
  return processOf(life).map(({ pausePid, containers }) => ({
    pausePid,
    containerPids: containers.flatMap(({ pid }) => pid ?? []),
  }))
}

export function processOf(life: PodLife): PodProcess[] {
  const { sandbox, id } = life
  if (!sandbox) return []
  const containers = life.containers().map((one) => ({ name: one.spec.name, pid: one.init?.pid }))
  const { address, hostDevice, pause } = sandbox
  return [{ ...id, pausePid: pause.pid, address, hostDevice, containers }]
}
