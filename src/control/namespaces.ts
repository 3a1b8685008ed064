import type { KindName } from '../api/objects/index.ts'
import type { Namespace } from '../api/objects/simple.ts'
import { allResources } from '../api/resources.ts'
import { type Action, change, nothing, type Plan, remove } from './action.ts'
import { isTerminating } from './conditions.ts'
import type { AnyChange } from './live.ts'
import type { Loop, Wakes } from './loop.ts'
import type { View } from './view.ts'

/** What every cluster has from its first moment. */
const always = ['default', 'kube-system', 'kube-public', 'kube-node-lease']
const caName = 'kube-root-ca.crt'
const inside: KindName[] = allResources.filter((one) => one.namespaced).map((one) => one.kind)

/** Furnishes namespaces: a default service account, the cluster's certificate authority; and clears out those that are deleted. */
export function namespaces({ ca }: { ca: string }): Loop {
  return {
    name: 'namespaces',
    always,
    wakes: wakes(),
    desired(name, view) {
      const namespace = view.get('Namespace', name)
      if (!namespace)
        return always.includes(name)
          ? { actions: [{ do: 'create', kind: 'Namespace', object: { metadata: { name } } }] }
          : nothing
      return isTerminating(namespace) ? clear(namespace, view) : { actions: furnish(name, view, ca) }
    },
  }
}

function furnish(namespace: string, view: View, ca: string): Action[] {
  const actions: Action[] = []
  if (!view.get('ServiceAccount', `${namespace}/default`))
    actions.push({ do: 'create', kind: 'ServiceAccount', object: { metadata: { name: 'default', namespace } } })
  const map = view.get('ConfigMap', `${namespace}/${caName}`)
  const data = { 'ca.crt': ca }
  if (map) actions.push(...change(map, { ...map, data }))
  else actions.push({ do: 'create', kind: 'ConfigMap', object: { metadata: { name: caName, namespace }, data } })
  return actions
}

/** Deletes all that is inside; when nothing is left, gives up the finalizer, and with it the namespace. */
function clear(namespace: Namespace, view: View): Plan {
  const left = inside.flatMap((kind) => [...view.inNamespace(kind, namespace.metadata.name)])
  if (left.length > 0)
    return { actions: left.filter((object) => !isTerminating(object)).map((object) => remove(object)) }
  if (!namespace.spec?.finalizers?.includes('kubernetes')) return nothing
  const finalizers = namespace.spec.finalizers.filter((name) => name !== 'kubernetes')
  return { actions: change(namespace, { ...namespace, spec: { ...namespace.spec, finalizers } }) }
}

/** Whatever is in a terminating namespace keeps it; in a living one only what the loop furnished matters. */
function wakes(): Wakes {
  const content = ({ type, object }: AnyChange, view: View): string[] => {
    const { name, namespace = '' } = object.metadata
    const furniture = name === caName || (object.kind === 'ServiceAccount' && type === 'deleted')
    const home = view.get('Namespace', namespace)
    return furniture || (home && isTerminating(home)) ? [namespace] : []
  }
  const all = Object.fromEntries(inside.map((kind) => [kind, content])) as Wakes
  return { ...all, Namespace: ({ object }) => [object.metadata.name] }
}
