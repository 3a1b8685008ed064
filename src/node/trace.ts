import { readFileSync } from 'node:fs'
import { codeOf } from '../base/errors.ts'
import { type Netns, openNetns } from '../kernel/netns.ts'
import type { Pods } from '../pod/pods.ts'
import { localAgent } from '../trace/agent.ts'
import { serveTrace } from '../trace/http.ts'
import type { Routes } from './routes.ts'

/** Lets coordinators watch and send on this node: in its own namespace, which is this process's, and in its pods'. */
export function traceRoutes(node: string, pods: Pods): Routes {
  const lent = new Map<string, { path: string; ns: Netns }>()

  function podNetns(key: string): Netns | undefined {
    const [namespace = '', name = ''] = key.split('/')
    const path = runs(namespace, name) ? pods.netnsOf(namespace, name) : undefined
    const known = lent.get(key)
    if (known !== undefined && known.path === path) return known.ns
    // A new sandbox, or none: whoever still watches the old one has sockets in it and needs no descriptor.
    known?.ns.close()
    lent.delete(key)
    if (path === undefined) return undefined
    // Between the look at the pod and this one its first process may end.
    const ns = unlessGone(() => openNetns(path))
    if (ns) lent.set(key, { path, ns })
    return ns
  }

  const runs = (namespace: string, name: string): boolean =>
    pods.list().some((pod) => pod.namespace === namespace && pod.name === name)

  return serveTrace(
    localAgent({
      node,
      kind: 'node',
      podNetns,
      podFile(key, file) {
        const [namespace = '', name = ''] = key.split('/')
        return runs(namespace, name) ? unlessGone(() => pods.fileOf(namespace, name, file)) : undefined
      },
      machineFile,
    }),
  )
}

/** What a program of the node itself reads; a machine may have neither file. */
function machineFile(file: 'resolv.conf' | 'hosts'): string {
  return unlessGone(() => readFileSync(`/etc/${file}`, 'utf8')) ?? ''
}

function unlessGone<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
