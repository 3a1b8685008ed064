import { type Address, address, parseAddress, parseCidr } from '../../../base/address.ts'
import { type Block, type Draft, zoneName } from './draft.ts'

const usual = 53
const anyIpv4 = address('0.0.0.0')
const anyIpv6 = address('::')

/** A server block and the port that its keys name. */
export interface Server {
  readonly line: number
  readonly ports: readonly number[]
  readonly block: Block
}

/** `.:53`, `corp.example`, `dns://corp.example:53`; undefined: it has been refused. */
export function readKey(text: string, line: number, draft: Draft): { zone: string; port: number } | undefined {
  const [, scheme = 'dns', rest = ''] = /^(?:([a-z0-9]+):\/\/)?(.*)$/.exec(text) ?? []
  const [, name = '', digits] = /^(.*?)(?::(\d+))?$/.exec(rest) ?? []
  const port = digits === undefined ? usual : Number(digits)
  if (scheme !== 'dns')
    return draft.refuse({ line }, text, 'questions come over UDP and TCP only; take the server block out')
  if (parseCidr(name))
    return draft.refuse(
      { line },
      text,
      'a range is given; allowed is the domain of its reverse names, such as 10.in-addr.arpa',
    )
  if (name === '' || port > 0xffff)
    return draft.refuse({ line }, text, `"${text}" is given; allowed is a domain with or without a port, such as .:53`)
  return { zone: zoneName(name), port }
}

/** All server blocks are one server: on one port, at the addresses of `bind` or at any. */
export function listenAt(servers: readonly Server[], draft: Draft): void {
  const port = servers[0]?.ports[0] ?? usual
  const addresses = new Set<Address>()
  for (const { line, ports, block } of servers) {
    const other = ports.find((one) => one !== port)
    if (other !== undefined)
      draft.refuse(
        { line },
        '',
        `port ${other} is given; allowed is one port for all server blocks, which is ${port} already`,
      )
    for (const at of block.directives.filter(({ name }) => name === 'bind')) {
      if (at.block.length > 0) draft.refuse(at, 'bind', 'except is not supported; write the addresses')
      for (const text of at.args) {
        const address = parseAddress(text)
        if (address !== undefined) addresses.add(address)
        else draft.refuse(at, 'bind', `"${text}" is given; allowed is an address`)
      }
    }
  }
  const listen = addresses.size > 0 ? [...addresses] : [anyIpv4, ...(draft.outside.ipv6 ? [anyIpv6] : [])]
  draft.config.listen = listen.map((address) => ({ address, port }))
}
