import type { Pod } from '../../api/objects/pod.ts'
import { nearest } from '../../base/nearest.ts'
import { type Directory, type Labels, meets } from '../directory.ts'

/** What a selector that matches nothing was probably meant to say. */
export interface Meant {
  /** One sentence for the fix. */
  readonly say: string
  /** The selector's keys with their new values, null for what goes; only where nothing else can be meant. */
  readonly change?: Readonly<Record<string, string | null>>
  /** The key that is wrong. */
  readonly key?: string
  /** True when labels are so near that it is a slip, and not pods that are still to come. */
  readonly near: boolean
}

/** Compares a selector with the labels of a namespace's pods, and then of others. */
export function meantBy(directory: Directory, namespace: string, selector: Labels): Meant {
  const pods = directory.pods(namespace)
  for (const key of Object.keys(selector)) {
    const meant = another(pods, selector, key)
    if (meant) return meant
  }
  const elsewhere = [
    ...new Set(
      directory.matchingAnywhere(selector).flatMap((pod) => (pod.metadata.namespace ? [pod.metadata.namespace] : [])),
    ),
  ].filter((one) => one !== namespace)
  if (elsewhere.length > 0)
    return {
      say: `pods with these labels are in namespace ${elsewhere.slice(0, 3).join(', ')}, and only those of its own namespace ${namespace} are selected`,
      near: true,
    }
  if (pods.length === 0) return { say: `there is no pod in namespace ${namespace} at all`, near: false }
  const [key = ''] = Object.keys(selector)
  const values = [...new Set(pods.flatMap((pod) => pod.metadata.labels?.[key] ?? []))].sort()
  if (values.length > 0 && !values.includes(selector[key] ?? ''))
    return {
      say: `pods here have ${values
        .slice(0, 5)
        .map((one) => `${key}=${one}`)
        .join(', ')}`,
      key,
      near: false,
    }
  return { say: 'make the labels of the pods and the selector meet', near: false }
}

/** What would do instead of one requirement, among pods that meet all the others. */
function another(pods: readonly Pod[], selector: Labels, key: string): Meant | undefined {
  const wanted = selector[key] ?? ''
  const others = Object.fromEntries(Object.entries(selector).filter(([one]) => one !== key))
  const alone = Object.keys(others).length === 0
  const candidates = pods.filter((pod) => meets(pod.metadata.labels, others))
  if (candidates.length === 0) return undefined
  const values = [...new Set(candidates.flatMap((pod) => pod.metadata.labels?.[key] ?? []))]
  // Where the rest of the selector is met, it is these pods that are meant; else the word itself must be near.
  const like = alone ? nearest(wanted, values) : values.length === 1 ? values : nearest(wanted, values)
  const [value] = like
  if (value !== undefined)
    return {
      say: `pods here have ${like.map((one) => `${key}=${one}`).join(' or ')}: is that meant?`,
      key,
      near: true,
      ...(like.length === 1 && { change: { [key]: value } }),
    }
  if (values.length > 0) return undefined
  const keys = [...new Set(candidates.flatMap((pod) => Object.keys(pod.metadata.labels ?? {})))]
  const sameValue = keys.filter((one) => candidates.some((pod) => pod.metadata.labels?.[one] === wanted))
  const [likeKey, ...more] = sameValue.length > 0 ? sameValue : nearest(key, keys)
  if (likeKey === undefined) return undefined
  const certain = sameValue.length === 1 && more.length === 0 && !(likeKey in selector)
  return {
    say: `pods here have the label "${likeKey}": is that meant instead of "${key}"?`,
    key,
    near: true,
    ...(certain && { change: { [key]: null, [likeKey]: wanted } }),
  }
}
