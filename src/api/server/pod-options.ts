import { badRequest } from '../errors.ts'
import type { Pod } from '../objects/pod.ts'

/** The container that a client means: the one it names, the annotated one, or the only one. */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec
  const all = [...initContainers, ...containers, ...ephemeralContainers].map((one) => one.name)
  if (asked !== undefined) {
    if (!all.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${pod.metadata.name}`)
    return asked
  }
  const preferred = pod.metadata.annotations?.['kubectl.kubernetes.io/default-container']
  const [first, ...more] = pod.spec.containers.map((one) => one.name)
  if (preferred !== undefined && all.includes(preferred)) return preferred
  if (more.length > 0)
    throw badRequest(
      `a container name must be specified for pod ${pod.metadata.name}, choose one of: [${[first, ...more].join(' ')}]`,
    )
  return first ?? ''
}

export function isSet(query: URLSearchParams, name: string): boolean {
  return ['1', 'true'].includes(query.get(name) ?? '')
}

/** A time that means the same when it is asked again. */
export function absolute(query: URLSearchParams): URLSearchParams {
  const asked = new URLSearchParams(query)
  const seconds = query.get('sinceSeconds')
  if (seconds === null || !isSet(query, 'follow')) return asked
  asked.delete('sinceSeconds')
  asked.set('sinceTime', new Date(Date.now() - Number(seconds) * 1000).toISOString())
  return asked
}

/** As kube-apiserver checks PodLogOptions. */
export function checkLogOptions(query: URLSearchParams): void {
  if (query.has('sinceSeconds') && query.has('sinceTime'))
    throw badRequest('at most one of `sinceTime` or `sinceSeconds` may be specified')
  for (const [name, least] of [
    ['sinceSeconds', 1],
    ['limitBytes', 1],
    ['tailLines', 0],
  ] as const) {
    const text = query.get(name)
    if (text !== null && !(/^\d{1,15}$/.test(text) && Number(text) >= least))
      throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a number, ${least} or more`)
  }
  const since = query.get('sinceTime')
  if (since !== null && Number.isNaN(Date.parse(since)))
    throw badRequest(`sinceTime: Invalid value: ${JSON.stringify(since)}: must be a time of RFC 3339`)
}
