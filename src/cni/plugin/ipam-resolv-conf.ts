import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { messageOf } from '../../base/errors.ts'
import { CniError } from './error.ts'
import type { Fields } from './input.ts'

/** Much more than any resolver reads. */
const largest = 64 * 1024

/** A resolv.conf(5) as `dns` of a result has it, read as host-local does: the last `domain` counts, all else is gathered. */
export function readResolvConf(path: string): Fields {
  const found = { nameservers: [] as string[], search: [] as string[], options: [] as string[] }
  let domain: string | undefined
  for (const line of textOf(path).split('\n')) {
    const [key = '', ...words] = line.trim().split(/\s+/)
    if (key.startsWith('#') || key.startsWith(';')) continue
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
    const fd = openSync(path, 'r')
    try {
      const { size } = fstatSync(fd)
      if (size > largest) throw new Error(`it has ${size} bytes, more than ${largest}`)
      if (!fstatSync(fd).isFile()) throw new Error('it is no file')
      return readFileSync(fd, 'utf8')
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    throw new CniError('io', `cannot read ipam.resolvConf ${path}: ${messageOf(cause)}`, '', { cause })
  }
}
