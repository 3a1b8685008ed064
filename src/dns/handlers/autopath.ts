import { makeAnswer } from '../answer/answer.ts'
import { sectionsOf } from '../answer/sections.ts'
import { rcodes, type ResourceRecord, types } from '../wire/message.ts'
import { nameToWire } from '../wire/name.ts'
import { labelsOf, nameOf, type Query } from '../wire/query.ts'
import type { PodSearch } from '../zone/pods.ts'
import type { Zone } from '../zone/zone.ts'
import { nameText, questionFor } from './ask.ts'
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
 * A question that was meant as it stands looks the same. So names below a service of the pod's own namespace are left alone: `web-0.app` that is not ready yet
 * must not become a host of the internet's domain `app`. Nor is a single label asked for outside.
 */
export function autopathHandler({ zone, synced, nodeSearches, others }: AutopathParts): Handler {
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

  return {
    name: 'autopath',
    handle(query: Query, asker: Asker) {
      if (query.type === types.CNAME || query.type === types.ANY || !synced()) return undefined
      const labels = labelsOf(query.name)
      const found = zone.find(labels, query.type)
      if (found.kind !== 'no such name') return undefined
      const list = listOf(asker)
      const short = list?.[0] && under(query.name, labels, list[0])
      if (!list || !short) return undefined
      const own = labelsOf(short + '\0')
      if (zone.hasService(`${own.at(-1)}.${labels[own.length]}`)) return undefined
      const domains = own.length === 1 ? list.slice(1) : [...list.slice(1), '\0']
      const names = domains.map((domain) => short + domain).filter((name) => name.length <= longestName)
      return walk(query, asker, names)
    },
  }
}

/** Bytes (RFC 1035 section 3.1). */
const longestName = 255

/** In wire form, as the pod's resolv.conf has it; empty: nobody knows. */
function searchList(zone: string, { namespace, searches }: PodSearch, nodeSearches: readonly string[]): string[] {
  if (!searches) return []
  const all = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...nodeSearches, ...searches]
  return [...new Set(all)].flatMap((domain) => {
    const wire = nameToWire(domain.toLowerCase())
    return wire ? [Buffer.from(wire).toString('latin1')] : []
  })
}

/** What stands left of `domain`, at least a label. */
function under(name: string, labels: readonly string[], domain: string): string | undefined {
  const length = name.length - domain.length
  const starts = labels.reduce((at: number[], label) => [...at, (at.at(-1) ?? 0) + 1 + label.length], [])
  return length > 0 && name.endsWith(domain) && starts.includes(length) ? name.slice(0, length) : undefined
}
