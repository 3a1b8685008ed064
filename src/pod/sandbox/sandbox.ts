import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Address } from '../../base/address.ts'
import type { AttachRequest, PodNetwork } from '../../cni/network.ts'
import { launch } from '../../kernel/launch/launch.ts'
import { openNetns } from '../../kernel/netns.ts'
import { openProcess, type Process, SIGNALS } from '../../kernel/process.ts'
import { writeSysctl } from '../../kernel/sysctl.ts'
import type { SandboxRecord } from '../record.ts'
import { pauseProgram, type Sharing } from './sandbox-program.ts'
import type { Sysctl } from './sysctls.ts'

/** A pod's namespaces and its place in the network. */
export interface Sandbox {
  readonly id: string
  readonly pause: Process
  readonly address: Address | undefined
  /** The node's end of the pod's cable; none for hostNetwork. */
  readonly hostDevice: string | undefined
  readonly record: SandboxRecord
}

export interface SandboxInput {
  /** For `ps`: `shop/web-1`. */
  title: string
  nodename: string
  sharing: Sharing
  /** So many processes containers that share them may have; undefined when something else counts them. */
  pids?: number | undefined
  hostIP: Address
  network: PodNetwork
  wishes: Pick<AttachRequest, 'hostPorts' | 'bandwidth'>
  /** Of its own network; set when its cable is there. */
  sysctls?: readonly Sysctl[]
  /** Called as soon as there is something that must not be forgotten. */
  note: (record: SandboxRecord) => void
}

/** Starts pause and connects it. After a failure nothing of it is left. */
export async function startSandbox(input: SandboxInput): Promise<Sandbox> {
  const { pause, noted, forgotten } = await startPause(input)
  const id = randomBytes(32).toString('hex')
  try {
    input.note({ id, pause: { pid: pause.pid, started: pause.started } })
    noted()
    const attachment = input.sharing.hostNetwork ? undefined : attach(input, id, pause)
    return sandboxOf(id, pause, attachment?.address ?? input.hostIP, attachment?.hostDevice)
  } catch (error) {
    forgotten()
    input.network.del(id)
    pause.signal(SIGNALS.KILL)
    pause.close()
    throw error
  }
}

/** A pause process; it ends by itself unless it is told that it was noted. */
export interface Pause {
  readonly pause: Process
  readonly noted: () => void
  readonly forgotten: () => void
}

export async function startPause(input: Pick<SandboxInput, 'title' | 'nodename' | 'sharing' | 'pids'>): Promise<Pause> {
  const { child, reported } = await launch(pauseProgram(input.nodename, input.sharing, input.pids), {
    title: `kubehop pause ${input.title}`,
    stdio: ['ignore', 'ignore', 'ignore'],
    fds: ['pipe'],
  })
  child.unref()
  const ear = child.stdio[5 as 4] as Writable
  // That pause has ended meanwhile is told by its pidfd.
  ear.on('error', () => {})
  const pid = reported ?? child.pid
  const pause = pid === undefined ? undefined : openProcess(pid)
  if (!pause) throw new Error(`the pause process of ${input.title} ended at once`)
  return {
    pause,
    noted: () => void ear.end(Uint8Array.of(1), () => ear.destroy()),
    forgotten: () => void ear.destroy(),
  }
}

function attach(
  { network, wishes, sysctls = [], title }: Pick<SandboxInput, 'network' | 'wishes' | 'sysctls' | 'title'>,
  id: string,
  pause: Process,
): { address: Address; hostDevice: string } {
  using netns = openNetns(`/proc/${pause.pid}/ns/net`)
  const attachment = network.add({ id, netns, ifname: 'eth0', ...wishes, title: `pod ${title}` })
  for (const { name, value } of sysctls) writeSysctl(name, value, netns)
  return attachment
}

/** The sandbox of a record when it still is as it was, or undefined. */
export function adoptSandbox(record: SandboxRecord, network: PodNetwork): Sandbox | undefined {
  const pause = openProcess(record.pause.pid, record.pause.started)
  if (!pause) return undefined
  const attachment = network.get(record.id)
  if (record.address === undefined || (record.hostDevice !== undefined && attachment?.address !== record.address)) {
    // It was never finished, the node's range changed, or the cable is gone: nobody could reach it.
    pause.signal(SIGNALS.KILL)
    pause.close()
    return undefined
  }
  return sandboxOf(record.id, pause, record.address as Address | undefined, record.hostDevice)
}

/** Containers must have ended before. Fine when repeated. */
export async function stopSandbox(sandbox: Sandbox, network: PodNetwork, log: Log): Promise<void> {
  if (sandbox.pause.signal(SIGNALS.TERM)) await sandbox.pause.ended
  sandbox.pause.close()
  forget(sandbox.id, network, log)
}

/** Frees what a sandbox that is gone had in the network. */
export function forget(id: string, network: PodNetwork, log: Log): void {
  try {
    network.del(id)
  } catch (error) {
    log.error({ sandbox: id, error: messageOf(error) }, 'the cable of a pod could not be removed')
    throw error
  }
}

function sandboxOf(id: string, pause: Process, address: Address | undefined, hostDevice: string | undefined): Sandbox {
  const record: SandboxRecord = {
    id,
    pause: { pid: pause.pid, started: pause.started },
    ...(address !== undefined && { address }),
    ...(hostDevice !== undefined && { hostDevice }),
  }
  return { id, pause, address, hostDevice, record }
}
