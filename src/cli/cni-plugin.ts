import { readFileSync } from 'node:fs'
import { textOf } from '../cni/agent/text.ts'
import { callPlugin } from '../cni/plugin/plugin.ts'
import { cniUsage } from './cni-usage.ts'

/** One call of the plugin, as a container runtime makes it; the exit code. */
export function cniPlugin(): number {
  // As the reference plugins do for whoever tries them by hand.
  if (!process.env['CNI_COMMAND']) {
    console.error(cniUsage)
    return 0
  }
  const answer = callPlugin(process.env, () => readFileSync(0, 'utf8'))
  process.stdout.write(textOf(answer))
  return answer.exitCode
}
