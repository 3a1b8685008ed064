import type { Cidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { PodHere } from '../doctor/gather/environment.ts'
import { gatherMachine } from '../doctor/gather/machine.ts'
import { serveFacts } from '../doctor/serve.ts'
import type { Pods } from '../pod/pods.ts'
import type { Routes } from './routes.ts'

/** Enough for a program to say why it ended. */
const lastLines = 12

/** Tells administrators what this node's kernel says, of itself and of its pods: `GET /kubehop/facts`. */
export function factsRoutes(node: string, serviceCidr: Cidr, pods: Pods): Routes {
  const here = (): PodHere[] =>
    pods.list().map(({ namespace, name, uid, pausePid, hostDevice, containers }) => ({
      pod: `${namespace}/${name}`,
      uid,
      netns: `/proc/${pausePid}/ns/net`,
      hostDevice,
      containers,
      resolvConf: () => pods.fileOf(namespace, name, 'resolv.conf'),
      lastWords: (container) => wordsOf(pods, namespace, name, container),
    }))
  return serveFacts(() => gatherMachine({ node, kind: 'node', services: [serviceCidr], pods: here }))
}

/** Nothing for a container that has not begun yet, or whose pod has gone meanwhile. */
async function wordsOf(pods: Pods, namespace: string, name: string, container: string): Promise<string> {
  try {
    const text = pods.logs(namespace, name, container, { tailLines: lastLines, limitBytes: 64 * 1024 })
    return Buffer.concat((await text.toArray()) as Buffer[]).toString()
  } catch (error) {
    if (error instanceof KubehopError && (error.code === 'Invalid' || error.code === 'NotFound')) return ''
    throw error
  }
}
