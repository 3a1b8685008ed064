import type { PodSpec } from '../../api/objects/pod.ts'

/** A setting of the kernel that a pod asks for in `securityContext.sysctls`. */
export interface Sysctl {
  /** With dots: `net.ipv4.ip_unprivileged_port_start`. */
  name: string
  value: string
}

/** Those that are the pod's own, and what is left out, with the reason. What lies below `net` is each network namespace's. */
export function sysctlsOf({ securityContext, hostNetwork }: PodSpec): { own: Sysctl[]; leftOut: string[] } {
  const given = securityContext?.['sysctls']
  const own: Sysctl[] = []
  const leftOut: string[] = []
  for (const { name: written = '', value = '' } of (Array.isArray(given) ? given : []) as Partial<Sysctl>[]) {
    const name = dotted(written)
    if (!name.startsWith('net.')) leftOut.push(`${name} (only those of the network are set here)`)
    else if (hostNetwork === true) leftOut.push(`${name} (with hostNetwork it is the node's)`)
    else own.push({ name, value })
  }
  return { own, leftOut }
}

/** As sysctl(8): where the first separator is a slash, slashes and dots have changed places (`net/ipv4/conf/eth0.1/mtu`). */
function dotted(name: string): string {
  if (/[./]/.exec(name)?.[0] !== '/') return name
  return name.replace(/[./]/g, (separator) => (separator === '/' ? '.' : '/'))
}
