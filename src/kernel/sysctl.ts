import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { KubehopError } from '../base/errors.ts'
import { inNetns, type Netns } from './netns.ts'

/** The value of `net.ipv4.ip_forward` in a network namespace. /proc/sys/net shows the namespace of whoever reads it. */
export function readSysctl(name: string, ns?: Netns): string {
  return attempt(name, 'read', () => inNetns(ns, () => readFileSync(pathOf(name), 'utf8').trim()))
}

/** Does the kernel have it? Settings of what is not built in (IPv6) or not loaded (br_netfilter) are missing. */
export function hasSysctl(name: string, ns?: Netns): boolean {
  return inNetns(ns, () => existsSync(pathOf(name)))
}

/** Writes only what differs: some settings (ip_forward) reset others when they are written. */
export function writeSysctl(name: string, value: string | number, ns?: Netns): void {
  const text = String(value)
  attempt(name, 'write', () =>
    inNetns(ns, () => {
      const path = pathOf(name)
      if (readFileSync(path, 'utf8').trim() !== text) writeFileSync(path, text)
    }),
  )
}

/** `net.ipv4.conf.eth0/1.mtu`: as in sysctl(8), `/` in a name stands for the dot of a VLAN device. */
function pathOf(name: string): string {
  if (!/^[a-z0-9_/@:.-]+$/i.test(name)) throw new TypeError(`"${name}" is no sysctl`)
  const parts = name.split('.').map((part) => part.replaceAll('/', '.'))
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw new TypeError(`"${name}" is no sysctl`)
  return `/proc/sys/${parts.join('/')}`
}

function attempt<T>(name: string, verb: string, body: () => T): T {
  try {
    return body()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    if (code === undefined || cause instanceof KubehopError) throw cause
    throw new KubehopError('kernel', `${verb} sysctl ${name}`, code, `${code}${remedy(code, name)}`, { cause })
  }
}

function remedy(code: string, name: string): string {
  if (code === 'ENOENT')
    return name.startsWith('net.bridge.')
      ? ': the kernel has no br_netfilter: modprobe br_netfilter (CONFIG_BRIDGE_NETFILTER)'
      : ': this kernel has no such setting'
  if (code === 'EROFS') return ': /proc/sys is mounted read-only here: remount it writable'
  if (code === 'EACCES' || code === 'EPERM')
    return ': not allowed: run as root, or in a network namespace of your own user namespace'
  if (code === 'EINVAL') return ': the kernel refuses this value'
  return ''
}
