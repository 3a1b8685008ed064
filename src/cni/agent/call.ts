import { closeSync, fstatSync, type Stats, statSync } from 'node:fs'
import { codeOf, messageOf } from '../../base/errors.ts'
import type { Request } from '../../kernel/launcher/protocol.ts'
import { tryLockFolder } from '../../kernel/lock.ts'
import { inNetns } from '../../kernel/netns.ts'
import { openInRoot } from '../../kernel/unix-peer-root.ts'
import { CniError, errorAnswer } from '../plugin/error.ts'
import { decode, isFields } from '../plugin/input.ts'
import { dataDirOf, leaseDirOf } from '../plugin/ipam-plan.ts'
import { type Answer, callPlugin } from '../plugin/plugin.ts'
import { newest } from '../plugin/version.ts'
import type { Place } from './place.ts'

/** Commands that open the pod's namespace. DEL must succeed when it is gone. */
const opensNetns: ReadonlySet<string> = new Set(['ADD', 'CHECK'])

/** A request in this process's words, and back. */
export interface Translated extends Disposable {
  readonly request: Request
  /** The answer in the asker's. */
  back(out: Answer['out']): Answer['out']
}

/** What the plugin would have done where the asker is: in its network namespace, and with the paths as it sees them. */
export function callFor(asked: Request, place: Place): Answer {
  try {
    using it = translate(asked, place)
    const { env, stdin } = it.request
    const { out, exitCode } = inNetns(place.netns, () => callPlugin(env, () => stdin))
    return { out: it.back(out), exitCode }
  } catch (error) {
    return { out: errorAnswer(error, newest), exitCode: 1 }
  }
}

/** The pod's namespace by a path that is valid here, until disposed. Throws CniError. */
export function translate(request: Request, place: Place): Translated {
  const { env, stdin } = request
  if (place.root !== undefined && env['CNI_COMMAND'] !== 'VERSION') needSameFolders(place.root, stdin)
  const path = env['CNI_NETNS']
  const seen = path && opensNetns.has(env['CNI_COMMAND'] ?? '') ? see(place, path) : undefined
  if (!path || seen === undefined || seen.path === path)
    return { request, back: (out) => out, [Symbol.dispose]: () => seen?.close() }
  return {
    request: { env: { ...env, CNI_NETNS: seen.path }, stdin },
    back: (out) => renamed(out, seen.path, path),
    [Symbol.dispose]: () => seen.close(),
  }
}

function see(place: Place, path: string): ReturnType<Place['see']> {
  try {
    return place.see(path)
  } catch (cause) {
    throw new CniError('unknownContainer', `cannot open CNI_NETNS: ${messageOf(cause)}`, '', { cause })
  }
}

/** The addresses that are given are written down once: a plugin that runs without the agent must see the same files. */
function needSameFolders(root: string, stdin: string): void {
  for (const folder of foldersOf(stdin)) {
    // Made when it is missing, as the plugin would.
    tryLockFolder(folder, 0o700)?.[Symbol.dispose]()
    const [ours, theirs] = [statSync(folder), statInRoot(root, folder)]
    if (ours.ino === theirs?.ino && ours.dev === theirs.dev) continue
    throw new CniError(
      'failed',
      `the runtime's folder ${folder} is not the agent's: mount it into the agent's container, at the same path`,
    )
  }
}

function statInRoot(root: string, path: string): Stats | undefined {
  try {
    const fd = openInRoot(root, path)
    try {
      return fstatSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    return undefined
  }
}

function foldersOf(stdin: string): string[] {
  try {
    const fields = decode(() => stdin)
    return [dataDirOf(fields), leaseDirOf(fields)]
  } catch (error) {
    // The plugin says it better, or need not know (VERSION).
    if (error instanceof CniError) return []
    throw error
  }
}

/** What an answer says of the namespace is said by the asker's own path. */
function renamed(out: Answer['out'], from: string, to: string): Answer['out'] {
  if (out === undefined) return undefined
  const { interfaces, msg } = out
  return {
    ...out,
    ...(typeof msg === 'string' && { msg: msg.replaceAll(from, to) }),
    ...(Array.isArray(interfaces) && {
      interfaces: interfaces.map((one: unknown) =>
        isFields(one) && one['sandbox'] === from ? { ...one, sandbox: to } : one,
      ),
    }),
  }
}
