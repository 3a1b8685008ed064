import type { Patch } from '../types.ts'

/** The command line that makes a change, ready for a shell. */
export function commandOf({ kind, namespace, name, type, subresource, body }: Patch): string {
  return [
    'kubectl',
    ...(namespace === undefined ? [] : ['-n', quoted(namespace)]),
    'patch',
    quoted(kind.toLowerCase()),
    quoted(name),
    ...(subresource === undefined ? [] : [`--subresource=${subresource}`]),
    `--type=${type}`,
    '-p',
    quoted(JSON.stringify(body)),
  ].join(' ')
}

/** One word for a POSIX shell, whatever is in it. */
export function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
