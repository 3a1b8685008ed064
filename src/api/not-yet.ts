import { type AnyObject, isRecord } from './json.ts'

/** What an object asks for and this version takes without doing it: said to whoever applies it, or they would wait for it in vain. */
export function notYet({ kind, spec }: AnyObject): string[] {
  if (!isRecord(spec)) return []
  if (kind === 'Service') return service(spec)
  if (kind === 'Pod') return images(spec)
  const template = spec['template']
  return isRecord(template) && isRecord(template['spec']) ? images(template['spec']) : []
}

function service({ type, sessionAffinity }: Record<string, unknown>): string[] {
  const said: string[] = []
  if (type === 'NodePort' || type === 'LoadBalancer')
    said.push(`spec.type: ${type} is not in this version: only the address inside the cluster works`)
  if (sessionAffinity === 'ClientIP')
    said.push('spec.sessionAffinity: ClientIP is not in this version: each connection may get another pod')
  return said
}

function images({ initContainers, containers }: Record<string, unknown>): string[] {
  const all = [initContainers, containers].flatMap((list) => (Array.isArray(list) ? list : [])).filter(isRecord)
  return all.flatMap(({ name, image }) =>
    typeof image !== 'string' || image === 'host'
      ? []
      : [
          `container ${String(name)}: image ${image} cannot be loaded in this version: only "host" runs, with this machine's programs`,
        ],
  )
}
