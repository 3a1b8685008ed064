import { makeAnswer } from '../answer/answer.ts'
import { sectionsOf } from '../answer/sections.ts'
import { rcodes, type ResourceRecord, types } from '../wire/message.ts'
import { lowerName, wireName } from '../wire/name.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import type { PodSearch } from '../zone/pods.ts'
import type { Zone } from '../zone/zone.ts'
import { nameText, questionFor } from './ask.ts'
import { Expected } from './expected.ts'
import type { Asker, Handler, Said } from './handler.ts'

export interface AutopathParts {
  readonly zone: Zone
  readonly synced: () => boolean
  /** Domains that nodes have in their own resolv.conf: pods have them behind the cluster's. */
  readonly nodeSearches: readonly string[]
  /** Whoever is asked behind this one. */
  readonly others: (query: Query, asker: Asker) => Promise<Said | undefined>
}

/**
 * Walks a pod's search list for it. With `ndots:5` a pod asks for `example.com` as `example.com.NS.svc.ZONE` first, then under each of the other domains, and
 * for the name itself last, each time for A and AAAA. Where that first name does not exist, the first of the others that does is answered under a CNAME.
 *
 * It says nothing, so that the pod walks by itself, where its own walk might end elsewhere: when its list is not known, and when the answer to an earlier name
 * could not be had. A name without the wanted data counts as there, as it does to resolvers that stop at it (musl), and so A and AAAA end at the same name.
 *
 * A question that was meant as it stands looks the same. So a single label is left alone, for it may be a service that is not there yet, and so are names below
 * a service of the pod's own namespace: `web-0.app` that is not ready yet must not become a host of the internet's domain `app`. So are the next questions of
 * a pod that walks by itself: `a.b.NS` becomes `a.b.NS.svc.ZONE` then, which is where a walk for `a.b` begins.
 */
export function autopathHandler({ zone, synced, nodeSearches, others }: AutopathParts): Handler {
  const expected = new Expected()
  /** By what is known of a pod: it is made once for each. */
  const lists = new WeakMap<PodSearch, readonly string[]>()
  const listOf = (asker: Asker): readonly string[] | undefined => {
    const pod = zone.searchOf(asker.address())
    const known = pod && lists.get(pod)
    if (!pod || known) return known
    const list = searchList(zone.options.zone, pod, nodeSearches)
    lists.set(pod, list)
    return list
  }

  const walk = async (query: Query, asker: Asker, names: readonly string[]): Promise<Said | undefined> => {
    for (const name of names) {
      // Nothing else is to be had from the cluster for it.
      if (zone.find(labelsOf(name), query.type).kind === 'no such name') continue
      const question = questionFor(name, query)
      // What failed here the pod is told when it comes to this name itself.
      const said = await others(question, asker).catch(() => undefined)
      const spoken = said && sectionsOf(question, said)
      if (spoken?.rcode === rcodes.NXDOMAIN) continue
      if (!said || spoken?.rcode !== rcodes.NOERROR) return undefined
      const target = nameText(question)
      // As long as "no such name" would have been remembered of it.
      const { ttl } = zone.options
      const alias: ResourceRecord = { name: nameText(query), class: 1, ttl, type: 'CNAME', target }
      const { answers, ...rest } = spoken.sections
      return {
        answer: makeAnswer(nameOf(query), { ...rest, answers: [alias, ...answers] }),
        authoritative: true,
        truncated: spoken.truncated,
        from: `${target}: ${said.from}`,
      }
    }
    return undefined
  }

  return {
    name: 'autopath',
    handle(query: Query, asker: Asker) {
      if (query.type === types.CNAME || query.type === types.ANY || !synced()) return undefined
      const { name } = query
      const labels = labelsOf(name)
      if (zone.find(labels, query.type).kind !== 'no such name') return undefined
      const list = listOf(asker)
      const short = list?.[0] && under(name, list[0])
      if (!list?.[0] || !short || expected.has(asker.address(), name)) return undefined
      const names = [...list.slice(1), '\0'].map((domain) => short + domain).filter((one) => one.length <= longestName)
      // Those that would look like the first one of another walk.
      const next = names.filter((one) => under(one, list[0] ?? '') !== undefined)
      const walksItself = (): undefined => expected.add(asker.address(), next)
      const own = labelsOf(short + '\0')
      if (own.length === 1 || zone.hasService(`${own.at(-1)}.${labels[own.length]}`)) return walksItself()
      return walk(query, asker, names).then((said) => said ?? walksItself())
    },
  }
}

/** Bytes (RFC 1035 section 3.1). */
const longestName = 255

/** In wire form, as the pod's resolv.conf has it; empty: nobody knows. */
function searchList(zone: string, { namespace, searches }: PodSearch, nodeSearches: readonly string[]): string[] {
  if (!searches) return []
  const all = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...nodeSearches, ...searches]
  return [...new Set(all)].flatMap((domain) => wireName(lowerName(domain)) ?? [])
}

/** What stands left of `domain`, at least a label. */
function under(name: string, domain: string): string | undefined {
  const length = name.length - domain.length
  if (length <= 0 || !name.endsWith(domain)) return undefined
  let at = 0
  while (at < length) at += 1 + name.charCodeAt(at)
  return at === length ? name.slice(0, length) : undefined
}
