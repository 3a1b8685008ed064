import { existsSync, readFileSync } from 'node:fs'
import { KubehopError } from '../base/errors.ts'

/** Says at once, and in words, what this system lacks or forbids; what only the kernel can tell is told by the call it refuses. */
export function needNamespaces(): void {
  if (process.getuid?.() === 0) return
  const forbidden = forbids()
  if (forbidden) {
    throw new KubehopError(
      'lab',
      'check this system',
      'NoUserNamespaces',
      `this system forbids ordinary users their own namespaces (${forbidden.setting}). Either run as root, or allow it:\n  ${forbidden.remedy}`,
    )
  }
}

function forbids(): { setting: string; remedy: string } | undefined {
  const rows = [
    ['kernel/unprivileged_userns_clone', '0', 'sysctl kernel.unprivileged_userns_clone=1'],
    ['kernel/apparmor_restrict_unprivileged_userns', '1', 'sysctl kernel.apparmor_restrict_unprivileged_userns=0'],
    ['user/max_user_namespaces', '0', 'sysctl user.max_user_namespaces=15000'],
    ['user/max_net_namespaces', '0', 'sysctl user.max_net_namespaces=15000'],
  ] as const
  for (const [path, bad, remedy] of rows) {
    const file = `/proc/sys/${path}`
    if (existsSync(file) && readFileSync(file, 'utf8').trim() === bad)
      return { setting: `${path.replaceAll('/', '.')} = ${bad}`, remedy }
  }
  return undefined
}
