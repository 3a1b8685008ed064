import type { Program } from '../../kernel/launch/program.ts'
import { enterHostRoot } from './host-root.ts'
import { enterImageRoot } from './image-root.ts'
import type { RootInput } from './input.ts'

export type { RootInput } from './input.ts'

/**
 * The calls by which a process in a new mount namespace puts its root together and moves into it. Until pivot_root only paths that no container
 * and no image can change are used; what they can change is opened before and placed after, when every link in it already ends inside the
 * new root.
 */
export function enterRoot(program: Program, input: RootInput): void {
  if (input.kind === 'host') enterHostRoot(program, input)
  else enterImageRoot(program, input)
}
