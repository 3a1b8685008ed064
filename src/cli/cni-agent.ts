import { isAbsolute } from 'node:path'
import { makeLog } from '../base/log.ts'
import { startAgent } from '../cni/agent/agent.ts'
import { defaultSocket } from '../cni/agent/claim.ts'
import { defaultDataDir } from '../cni/plugin/ipam-plan.ts'
import { ownProduct } from './cni-product.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop cni agent`: does the plugin's work for whoever asks, until it is told to end (SIGTERM, SIGINT). Pods stay connected. */
export async function cniAgent(args: string[]): Promise<number> {
  const { values } = parse({
    args,
    options: {
      socket: { type: 'string', default: defaultSocket },
      'data-dir': { type: 'string', default: defaultDataDir },
    },
  })
  const path = (name: 'socket' | 'data-dir'): string => {
    if (isAbsolute(values[name])) return values[name]
    throw new UsageError(`--${name} "${values[name]}" is no absolute path`)
  }
  const ended = Promise.race([signal('SIGTERM'), signal('SIGINT')])
  const agent = await startAgent({
    socket: path('socket'),
    dataDir: path('data-dir'),
    product: ownProduct(),
    log: makeLog('cni'),
  })
  await ended
  await agent.close()
  return 0
}

function signal(name: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => process.once(name, () => resolve()))
}
