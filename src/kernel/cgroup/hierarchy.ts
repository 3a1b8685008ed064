import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The controllers that limits of this program need. */
export const controllers = ['cpu', 'memory', 'pids'] as const
export type Controller = (typeof controllers)[number]

/** A mounted hierarchy of control groups, as this process sees it. */
export interface Hierarchy {
  version: 1 | 2
  /** Of these it decides here. Of a version 2 hierarchy: those that the mount's root offers. */
  controllers: Controller[]
  /** Where it is mounted: its root, or that of this process's cgroup namespace. */
  mount: string
  /** The directory of the group that this process is in. */
  own: string
}

/** The hierarchies of this machine, from mountinfo and cgroup of a process (proc_pid_mountinfo(5), cgroups(7)). */
export function readHierarchies(): Hierarchy[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const groups = readFileSync('/proc/self/cgroup', 'utf8')
  return parseHierarchies(mounts, groups, (mount) => readIfThere(join(mount, 'cgroup.controllers')))
}

/** `offered`: the text of a version 2 mount's cgroup.controllers. */
export function parseHierarchies(mountinfo: string, cgroup: string, offered: (mount: string) => string): Hierarchy[] {
  const own = new Map(
    cgroup.split('\n').flatMap((line): [string, string][] => {
      const [id, names = '', ...path] = line.split(':')
      return id === undefined || id === '' ? [] : [[names, path.join(':')]]
    }),
  )
  return mountinfo.split('\n').flatMap((line): Hierarchy[] => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '/', mount = ''] = before.split(' ')
    const [kind, , options = ''] = after.split(' ')
    if (kind !== 'cgroup' && kind !== 'cgroup2') return []
    const names = kind === 'cgroup2' ? offered(unescaped(mount)).trim().split(/\s+/) : options.split(',')
    // In the second file the controllers of a hierarchy stand together, in the same order as in its mount's options.
    const path = kind === 'cgroup2' ? own.get('') : [...own].find(([list]) => sharesOne(list.split(','), names))?.[1]
    if (path === undefined) return []
    return [
      {
        version: kind === 'cgroup2' ? 2 : 1,
        controllers: controllers.filter((one) => names.includes(one)),
        mount: unescaped(mount),
        own: join(unescaped(mount), below(path, unescaped(root))),
      },
    ]
  })
}

function sharesOne(a: readonly string[], b: readonly string[]): boolean {
  return a.some((one) => one !== '' && b.includes(one))
}

/** A group's path below the mount's own root. One that lies outside of it (`/..`) cannot be named here: the root is the nearest. */
function below(path: string, root: string): string {
  if (root === '/' || path === root) return path === root ? '/' : path.includes('/..') ? '/' : path
  return path.startsWith(`${root}/`) ? path.slice(root.length) : '/'
}

/** Blanks in paths are octal there. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // a mount that this process may not look into offers nothing
  }
}
