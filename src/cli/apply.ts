import { applyAll } from '../api/apply.ts'
import type { Client } from '../api/client/client.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import type { AnyObject } from '../api/json.ts'
import { notYet } from '../api/not-yet.ts'
import type { Destination } from '../api/manifest-set.ts'
import { cidr } from '../base/address.ts'
import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf, type LabRecord } from '../lab/folder.ts'
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
  const client = await fromKubeconfig(kubeconfigOf(lab.name))
  try {
    const objects = readManifests(values.file, await destination(client, lab))
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

/** What the running cluster already has: a manifest that does not fit it is refused before anything of it is applied. */
async function destination(client: Client, lab: LabRecord): Promise<Destination> {
  const [services, namespaces] = await Promise.all([client.list('Service'), client.list('Namespace')])
  return {
    serviceCidr: cidr(lab.serviceCidr),
    // The services of the manifests may be there from an earlier time: who holds an address is known by name.
    taken: new Map(
      services.items.map(({ spec, metadata }) => [
        spec.clusterIP ?? '',
        `Service ${metadata.namespace}/${metadata.name}`,
      ]),
    ),
    namespaces: namespaces.items.map(({ metadata }) => metadata.name),
  }
}
