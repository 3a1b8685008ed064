import type { Program } from '../../kernel/launch/program.ts'
import { enterHostRoot } from './host-root.ts'
import { enterImageRoot } from './image-root.ts'
import type { RootInput } from './input.ts'

export type { RootInput } from './input.ts'

/**
 * The calls by which a process in a new mount namespace puts its root together and moves into it. Until pivot_root only paths that no container
 * and no image can change are used; what they can change is opened before and placed after, when every link in it already ends inside the
 * new root. Of all descriptors only 0 to 2, the report and `kept` are open afterwards.
 */
export function enterRoot(program: Program, input: RootInput, kept: readonly number[] = []): void {
  if (input.kind === 'host') enterHostRoot(program, input, kept)
  else enterImageRoot(program, input, kept)
}
