import { findAttributes, type Message, textIn, viewOf } from '../netlink/reader.ts'
import {
  IFF_UP,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  IFLA_MTU,
  ifinfomsg,
  type Link,
  RTM_NEWLINK,
} from './link.ts'

/** What is asked of all links of a node that may have hundreds: reading it takes a tenth of the time of a whole {@link Link}. */
export type LinkBrief = Pick<Link, 'index' | 'name' | 'kind' | 'mtu' | 'up' | 'master'>

const asked = [IFLA_IFNAME, IFLA_MTU, IFLA_MASTER, IFLA_LINKINFO]
const found = new Uint32Array(2 * asked.length)
const kindAlone = [IFLA_INFO_KIND]
const kindFound = new Uint32Array(2)

/** Reads RTM_NEWLINK; undefined for other messages. */
export function readLinkBrief({ type, body }: Message): LinkBrief | undefined {
  if (type !== RTM_NEWLINK || body.length < ifinfomsg) return undefined
  const view = viewOf(body)
  findAttributes(view, ifinfomsg, body.length, asked, found)
  const [name = 0, nameEnd = 0, mtu = 0, mtuEnd = 0, master = 0, masterEnd = 0, info = 0, infoEnd = 0] = found
  findAttributes(view, info, infoEnd, kindAlone, kindFound)
  const [kind = 0, kindEnd = 0] = kindFound
  return {
    index: view.getInt32(4, true),
    name: textIn(body.subarray(name, nameEnd)),
    kind: kind === 0 ? undefined : textIn(body.subarray(kind, kindEnd)),
    mtu: mtuEnd - mtu < 4 ? 0 : view.getUint32(mtu, true),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    master: masterEnd - master < 4 ? undefined : view.getUint32(master, true) || undefined,
  }
}
