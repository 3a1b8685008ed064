import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { messageOf } from '../../base/errors.ts'
import { resolvConfLines } from '../../base/resolv-conf.ts'
import { CniError } from './error.ts'
import type { Fields } from './input.ts'

/** Much more than any resolver reads. */
const largest = 64 * 1024

/** A resolv.conf(5) as `dns` of a result has it, read as host-local does: the last `domain` counts, all else is gathered. */
export function readResolvConf(path: string): Fields {
  const found = { nameservers: [] as string[], search: [] as string[], options: [] as string[] }
  let domain: string | undefined
  for (const [key, ...words] of resolvConfLines(textOf(path))) {
    if (key === 'nameserver') found.nameservers.push(...words.slice(0, 1))
    else if (key === 'domain') domain = words[0] ?? domain
    else if (key === 'search' || key === 'options') found[key].push(...words)
  }
  return {
    ...(domain !== undefined && { domain }),
    ...Object.fromEntries(Object.entries(found).filter(([, words]) => words.length > 0)),
  }
}

function textOf(path: string): string {
  try {
    // A pipe would have us wait for whoever writes.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      if (!fstatSync(fd).isFile()) throw new Error('it is no file')
      const bytes = new Uint8Array(largest + 1)
      let length = 0
      for (let more = 1; more > 0 && length < bytes.length; length += more)
        more = readSync(fd, bytes, length, bytes.length - length, null)
      if (length > largest) throw new Error(`it has more than ${largest} bytes`)
      return new TextDecoder().decode(bytes.subarray(0, length))
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    throw new CniError('io', `cannot read ipam.resolvConf ${path}: ${messageOf(cause)}`, '', { cause })
  }
}
