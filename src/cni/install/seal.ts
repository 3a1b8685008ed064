import { createHash } from 'node:crypto'
import { isFields } from '../plugin/input.ts'

// A file that we wrote carries the digest of the rest of it: so no list of installed files is needed to tell one that nobody changed since.

const key = 'kubehop.dev/unchanged'
/** Behind the rest of a program; in a script, a comment. */
const mark = '\n# kubehop cni install: unchanged as long as sha256 of what stands above is '

/** A program, ours. */
export function sealProgram(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, Buffer.from(`${mark}${digestOf(bytes)}\n`)])
}

/** Nobody has changed it since we wrote it. */
export function isSealedProgram(file: Uint8Array): boolean {
  const whole = Buffer.from(file)
  const at = whole.lastIndexOf(mark)
  return at >= 0 && whole.equals(sealProgram(whole.subarray(0, at)))
}

/** A configuration, ours. Runtimes pass over keys that they do not know. */
export function sealConfig(config: Readonly<Record<string, unknown>>): string {
  const text = (fields: object): string => `${JSON.stringify(fields, undefined, 2)}\n`
  return text({ ...config, [key]: digestOf(text(config)) })
}

/** The same. */
export function isSealedConfig(file: string): boolean {
  let found: unknown
  try {
    found = JSON.parse(file)
  } catch {
    return false
  }
  if (!isFields(found)) return false
  const { [key]: _, ...config } = found
  return file === sealConfig(config)
}

function digestOf(of: string | Uint8Array): string {
  return createHash('sha256').update(of).digest('hex')
}
