import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'

/** What nft says; undefined, and the test skipped, when it is not there. After `-f -` comes its input. */
export function nft(t: TestContext, ns: Netns, ...args: string[]): string | undefined {
  const input = args[0] === '-f' ? args.pop() : undefined
  try {
    return inNetns(ns, () => execFileSync('nft', args, { encoding: 'utf8', stdio: 'pipe', input: input ?? '' }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('nft, which is to say whether it agrees, is not installed')
    return undefined
  }
}
