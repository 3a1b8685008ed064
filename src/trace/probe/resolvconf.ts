import { type Address, parseAddress } from '../../base/address.ts'
import { resolvConfLines } from '../../base/resolv-conf.ts'

/** A pod's /etc/resolv.conf, as the C library reads it (resolv.conf(5)). */
export interface ResolvConf {
  readonly servers: readonly Address[]
  readonly search: readonly string[]
  readonly ndots: number
  /** Seconds to wait for one server. */
  readonly timeout: number
  readonly attempts: number
  /** Only IPv4's addresses are asked for (glibc 2.36). */
  readonly noAaaa: boolean
}

export function parseResolvConf(text: string): ResolvConf {
  const servers: Address[] = []
  let search: string[] = []
  const options = { ndots: 1, timeout: 5, attempts: 2, noAaaa: false }
  for (const [word, ...rest] of resolvConfLines(text)) {
    if (word === 'nameserver') {
      const server = parseAddress(rest[0] ?? '')
      if (server !== undefined && servers.length < 3) servers.push(server)
    } else if (word === 'search' || word === 'domain') {
      // The last line counts.
      search = (word === 'domain' ? rest.slice(0, 1) : rest).map((domain) => domain.replace(/\.$/, ''))
    } else if (word === 'options') {
      for (const option of rest) {
        if (option === 'no-aaaa') options.noAaaa = true
        const [, name, value] = /^(ndots|timeout|attempts):(\d{1,4})$/.exec(option) ?? []
        if (name === 'ndots') options.ndots = Math.min(Number(value), 15)
        if (name === 'timeout') options.timeout = Math.min(Math.max(Number(value), 1), 30)
        if (name === 'attempts') options.attempts = Math.min(Math.max(Number(value), 1), 5)
      }
    }
  }
  return { servers, search, ...options }
}

/** The questions that a lookup may need, in order: with each search domain, and as it is; first as it is when it has `ndots` dots. */
export function candidates(name: string, conf: ResolvConf): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)]
  const dots = name.split('.').length - 1
  const searched = conf.search.map((domain) => (domain === '' ? name : `${name}.${domain}`))
  return [...new Set(dots >= conf.ndots ? [name, ...searched] : [...searched, name])].filter(
    (full) => full.length <= 253,
  )
}

/** The address that /etc/hosts gives a name, before any server is asked. */
export function inHosts(text: string, name: string): Address | undefined {
  const wanted = name.replace(/\.$/, '').toLowerCase()
  for (const line of text.split('\n')) {
    const [first = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/)
    const address = parseAddress(first)
    if (address !== undefined && !address.includes(':') && names.some((one) => one.toLowerCase() === wanted))
      return address
  }
  return undefined
}
