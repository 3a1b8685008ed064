import { readHostsLine } from '../kinds.ts'
import type { Block, Draft } from './draft.ts'
import type { Directive } from './parse.ts'

/** CoreDNS's. */
const defaultTtl = 3600

/** `hosts [FILE [ZONES...]] { ... }` */
export function hosts(at: Directive, draft: Draft, block: Block): void {
  const [file, ...zones] = at.args
  if (zones.length > 0)
    draft.refuse(
      at,
      'hosts',
      `"${zones.join(' ')}" is given; allowed is no domain: what is listed is known, whatever domain it is in`,
    )
  let ttl = defaultTtl
  let open = false
  let lines = 0
  for (const property of at.block) {
    const path = `hosts ${property.name}`
    const [word] = property.args
    if (property.name === 'ttl') ttl = draft.number(property, path, word, 1, 65_535) ?? ttl
    else if (property.name === 'fallthrough') open = true
    else if (property.name === 'fallthrough_unsupported')
      draft.note(property, path, 'a listed name has no records of other types than A and AAAA')
    else if (property.name === 'no_reverse')
      draft.refuse(property, path, 'not supported; a listed address has its first name')
    else if (property.name === 'reload') draft.note(property, path, 'the file is read when it changes')
    else {
      const line = [property.name, ...property.args].join(' ')
      const entry = readHostsLine(line)
      if (entry) draft.entries.push({ ...entry, line: property.line })
      else draft.refuse(property, 'hosts', `"${line}" is given; allowed is an address and its names`)
      lines++
    }
  }
  if (!open && !block.zones.every((zone) => zone !== ''))
    draft.refuse(at, 'hosts', 'without fallthrough no other name would be answered; add the line fallthrough')
  if (!open && block.zones.every((zone) => zone !== ''))
    draft.note(
      at,
      'hosts',
      `names of ${block.zones.join(' ')} that are not listed go on to forward, which is as with fallthrough`,
    )
  put(at, draft, file ?? (lines > 0 ? undefined : '/etc/hosts'), ttl)
}

function put(at: Directive, draft: Draft, file: string | undefined, ttl: number): void {
  const before = draft.config.hosts
  if (file !== undefined && !file.startsWith('/'))
    draft.refuse(at, 'hosts', `"${file}" is given; allowed is the whole path of a file, such as /etc/coredns/NodeHosts`)
  if (file !== undefined && before?.file !== undefined && before.file !== file)
    draft.refuse(at, 'hosts', `${before.file} is read already; allowed is one file`)
  if (before && before.ttl !== ttl)
    draft.note(at, 'hosts', `the ttl is ${Math.min(before.ttl, ttl)} for all, the smaller one`)
  const path = file ?? before?.file
  draft.config.hosts = {
    entries: draft.entries.map(({ address, names }) => ({ address, names })),
    ...(path === undefined ? {} : { file: path }),
    ttl: Math.min(ttl, before?.ttl ?? ttl),
  }
}
