import { type Address, addressBytes, family } from '../../base/address.ts'
import type { Netns } from '../netns.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../netlink/socket.ts'
import type { MessageWriter } from '../netlink/writer.ts'
import { IFLA_LINKINFO, RTM_NEWLINK, writeCommon, writeLinkHeader } from './link.ts'
import type { Mac } from './mac.ts'
import type { Request } from './request.ts'
import {
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LINK,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_LOCAL6,
  IFLA_VXLAN_PORT,
} from './vxlan.ts'

const IFLA_NET_NS_FD = 28
const IFLA_INFO_KIND = 1
const IFLA_INFO_DATA = 2
const VETH_INFO_PEER = 1

interface Common {
  name: string
  mac?: Mac
  mtu?: number
  /** Index of a bridge that the link is born on. */
  master?: number
  up?: boolean
}

/** A link to be made, by kind. A veth's peer cannot be born up: the kernel has not tied the two ends together yet. */
export type LinkSpec =
  | (Common & { kind: 'bridge' })
  | (Common & { kind: 'ifb' })
  | (Common & { kind: 'veth'; peer: Pick<Common, 'name' | 'mac' | 'mtu'> & { ns?: Netns } })
  | (Common & { kind: 'vxlan'; id: number; port: number; local: Address; learning: boolean; device?: number })

/** Fails with EEXIST when the name is taken. A veth's peer is born in `peer.ns`, under its final name. */
export function addLink(spec: LinkSpec): Request {
  return {
    op: `add ${spec.kind} ${spec.name}`,
    type: RTM_NEWLINK,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    already: 'EEXIST',
    write: (w) => {
      writeLinkHeader(w, spec.name, spec.up)
      writeCommon(w, spec)
      w.nest(IFLA_LINKINFO, () => {
        w.string(IFLA_INFO_KIND, spec.kind)
        writeData[spec.kind](w, spec as never)
      })
    },
  }
}

const writeData = {
  bridge: () => {},
  ifb: () => {},
  veth: (w: MessageWriter, { peer }: LinkSpec & { kind: 'veth' }) => {
    w.nest(IFLA_INFO_DATA, () =>
      w.nest(VETH_INFO_PEER, () => {
        writeLinkHeader(w, peer.name, undefined)
        writeCommon(w, peer)
        if (peer.ns !== undefined) w.u32(IFLA_NET_NS_FD, peer.ns.fd)
      }),
    )
  },
  vxlan: (w: MessageWriter, spec: LinkSpec & { kind: 'vxlan' }) => {
    w.nest(IFLA_INFO_DATA, () => {
      w.u32(IFLA_VXLAN_ID, spec.id)
      w.attribute(family(spec.local) === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, addressBytes(spec.local))
      w.u8(IFLA_VXLAN_LEARNING, Number(spec.learning))
      w.be16(IFLA_VXLAN_PORT, spec.port)
      if (spec.device !== undefined) w.u32(IFLA_VXLAN_LINK, spec.device)
    })
  },
} satisfies { [K in LinkSpec['kind']]: (w: MessageWriter, spec: LinkSpec & { kind: K }) => void }
