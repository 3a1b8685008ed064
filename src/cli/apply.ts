import { applyAll } from '../api/apply.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { readManifests } from './up.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop apply -f FILE...` */
export async function apply(args: string[]): Promise<number> {
  const { values } = parse({
    args,
    options: { file: { type: 'string', short: 'f', multiple: true }, lab: { type: 'string' } },
  })
  if (!values.file) throw new UsageError('say what to apply: -f FILE')
  const lab = chooseLab(values.lab)
  const objects = readManifests(values.file)
  const client = await fromKubeconfig(kubeconfigOf(lab.name))
  try {
    await applyAll(client, objects, (object, done) => {
      console.log(`${object.kind.toLowerCase()}/${object.metadata.name} ${done}`)
    })
    return 0
  } finally {
    client.close()
  }
}
