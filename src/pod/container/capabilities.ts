import { readFileSync } from 'node:fs'
import { KubehopError } from '../../base/errors.ts'
import type { Program } from '../../kernel/launch/program.ts'
import { PR_CAPBSET_DROP } from '../../kernel/launch/syscalls.ts'

/** include/uapi/linux/capability.h, in the kernel's order. */
const names = list(`
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
  NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
  SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE
  MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
`)

/** What containerd and Docker give a container that asks for nothing. */
const usual = list(`
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL
  AUDIT_WRITE
`)

/**
 * The capabilities of a container, as a set of their names without `CAP_`. `held` are those of this process: a machine that is a container
 * itself may lack some, and only who asks for such a one by name is refused. Throws CreateContainerConfigError for a name that is none.
 */
export function capabilitiesOf(context: Record<string, unknown> = {}, held: readonly string[] = own()): Set<string> {
  if (context['privileged'] === true) return new Set(held)
  const { add, drop } = (context['capabilities'] ?? {}) as { add?: unknown; drop?: unknown }
  const dropped = parsed(drop, 'drop')
  // As in containerd: ALL is taken away before anything is added, single ones after.
  const kept = dropped.has('ALL') ? [] : usual.filter((name) => held.includes(name))
  const added = parsed(add, 'add')
  const wanted = new Set([...(added.has('ALL') ? held : kept), ...added])
  for (const name of dropped) wanted.delete(name)
  wanted.delete('ALL')
  return wanted
}

function own(): string[] {
  const mask = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0'}`)
  return names.filter((_, number) => (mask & (1n << BigInt(number))) !== 0n)
}

function parsed(list: unknown, field: string): Set<string> {
  if (list === undefined || list === null) return new Set()
  if (!Array.isArray(list)) throw wrong(field, list)
  return new Set(
    list.map((item: unknown) => {
      const name = typeof item === 'string' ? item.toUpperCase().replace(/^CAP_/, '') : ''
      if (name !== 'ALL' && !names.includes(name)) throw wrong(field, item)
      return name
    }),
  )
}

function wrong(field: string, value: unknown): KubehopError {
  const say = `securityContext.capabilities.${field}: ${JSON.stringify(value)} is no capability`
  return new KubehopError('pod', 'capabilities', 'CreateContainerConfigError', say)
}

/** Takes the others out of the bounding set: no program started from here on, setuid or not, can have them. Needs CAP_SETPCAP. */
export function boundCapabilities(program: Program, kept: ReadonlySet<string>): void {
  for (const [number, name] of names.entries()) {
    // An older kernel knows fewer of them and refuses the rest.
    if (!kept.has(name)) program.attempt(`give up ${name}`, 'prctl', PR_CAPBSET_DROP, number, 0, 0, 0)
  }
}

const version3 = 0x2008_0522

/** Gives up the others at once, and leaves nothing inheritable (capset(2)). */
export function setCapabilities(program: Program, kept: ReadonlySet<string>): void {
  const header = new Uint8Array(8)
  new DataView(header.buffer).setUint32(0, version3, true)
  const sets = new Uint8Array(24) // twice { effective, permitted, inheritable }: bits 0 to 31, then 32 to 63
  const view = new DataView(sets.buffer)
  for (const [number, name] of names.entries()) {
    if (!kept.has(name)) continue
    for (const field of [0, 4]) {
      const at = (number >> 5) * 12 + field
      view.setUint32(at, (view.getUint32(at, true) | (1 << (number & 31))) >>> 0, true)
    }
  }
  program.call('set the capabilities', 'capset', header, sets)
}

function list(words: string): string[] {
  return words.trim().split(/\s+/)
}
