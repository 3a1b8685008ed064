import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf } from '../../base/errors.ts'

/**
 * Lets the groups below a directory of a version 2 hierarchy have a controller, and for that the directory itself, from as far up as it takes: each
 * level hands on only what it was given (cgroup-v2.rst, "Controlling Controllers"). Returns why that cannot be.
 */
export function offer(dir: string, controller: string): string | undefined {
  const [given, handedOn] = [join(dir, 'cgroup.controllers'), join(dir, 'cgroup.subtree_control')]
  try {
    if (has(handedOn, controller)) return undefined
    if (!has(given, controller)) {
      const above = dirname(dir)
      if (!existsSync(join(above, 'cgroup.controllers'))) return `${given} does not list ${controller}`
      const refused = offer(above, controller)
      if (refused !== undefined) return refused
    }
    writeFileSync(handedOn, `+${controller}`)
    return undefined
  } catch (error) {
    return `${controller} cannot be switched on in ${dir}: ${messageOf(error)}`
  }
}

function has(file: string, controller: string): boolean {
  return readFileSync(file, 'utf8').trim().split(/\s+/).includes(controller)
}
