import koffi from 'koffi'
import { declareRaw, KernelError } from './libc.ts'

const SIOCETHTOOL = 0x8946
const ETHTOOL_GLINK = 0xa
const nameLength = 16
const ifreqSize = 40

const ioctl = declareRaw<[number, number, string, Uint8Array]>('int ioctl(int, unsigned long, ...)')

/**
 * Is the cable plugged in at both ends? Asking (ETHTOOL_GLINK) also makes the kernel carry out at once what it does about a cable
 * that was just plugged in: start the device's queue, enable the bridge's port (net/core/link_watch.c, linkwatch_sync_dev). Left
 * alone it does so some time later, drops what is sent until then, and a lost SYN is repeated only after a second.
 * `fd` is any socket of the device's network namespace.
 */
export function settleCarrier(fd: number, device: string): boolean {
  const { memory, view, address } = (scratch ??= makeScratch())
  memory.fill(0)
  encoder.encodeInto(device, memory.subarray(0, nameLength - 1))
  view.setBigUint64(nameLength, address + BigInt(ifreqSize), true)
  view.setUint32(ifreqSize, ETHTOOL_GLINK, true)
  const result = ioctl(fd, SIOCETHTOOL, 'void *', memory)
  if (result < 0) throw new KernelError(`look at the cable of ${device}`, -result)
  return view.getUint32(ifreqSize + 4, true) === 1
}

const encoder = new TextEncoder()

interface Scratch {
  memory: Uint8Array
  view: DataView
  address: bigint
}

/** struct ifreq holds a pointer to struct ethtool_value: memory that does not move. Every call is synchronous, so one is enough. */
let scratch: Scratch | undefined

function makeScratch(): Scratch {
  const pointer = koffi.alloc('uint8_t', ifreqSize + 8)
  const memory = new Uint8Array(koffi.view(pointer, ifreqSize + 8))
  return { memory, view: new DataView(memory.buffer), address: koffi.address(pointer) }
}
