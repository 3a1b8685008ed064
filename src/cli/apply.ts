import { applyAll } from '../api/apply.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import type { AnyObject } from '../api/json.ts'
import { notYet } from '../api/not-yet.ts'
import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { readManifests, runningCluster } from './manifests.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop apply -f FILE...` */
export async function apply(args: string[]): Promise<number> {
  const { values } = parse({
    args,
    options: { file: { type: 'string', short: 'f', multiple: true }, lab: { type: 'string' } },
  })
  if (!values.file) throw new UsageError('say what to apply: -f FILE')
  const lab = chooseLab(values.lab)
  const client = await fromKubeconfig(kubeconfigOf(lab.name))
  try {
    const objects = readManifests(values.file, await runningCluster(client, lab))
    await applyAll(client, objects, (object, done) => {
      const which = `${object.kind.toLowerCase()}/${object.metadata.name}`
      console.log(`${which} ${done}`)
      for (const text of notYet(object as AnyObject)) console.error(`Warning: ${which}: ${text}`)
    })
    return 0
  } finally {
    client.close()
  }
}
