import { join } from 'node:path'
import { allLabs, isRunning, readRecord } from '../lab/folder.ts'
import { packageRoot } from '../lab/package.ts'
import { parseSettings } from '../lab/settings.ts'
import { describeLab, renderLab } from './status.ts'
import { readManifests } from './manifests.ts'
import { nextSteps, start } from './up.ts'
import { parse } from './usage.ts'

const tryThis = [
  './kubehop trace client http://web/',
  './kubehop trace client http://store/    # what a wrong port looks like',
  './kubehop doctor                         # is anything wrong in the whole cluster?',
  'kubectl exec client -- getent hosts web',
]

/** What `npm start` does: a lab with the example shop. */
export async function demo(args: string[]): Promise<number> {
  parse({ args, options: {} })
  const settings = parseSettings({})
  const record = allLabs().includes(settings.name) ? readRecord(settings.name) : undefined
  if (record && isRunning(record)) {
    console.log(renderLab(await describeLab(record), 'is running already'))
    console.log(nextSteps(record.name, tryThis))
    return 0
  }
  return start(settings, readManifests([join(packageRoot(), 'examples/shop')]), 60, { next: tryThis })
}
