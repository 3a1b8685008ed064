import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Member } from '../../src/image/testing/tar.ts'

const usual =
  'sh cat ls id stat touch mkdir readlink df head sleep env rm ln dd test sed grep tr mv rmdir wc sort'.split(' ')

/** The whole configuration of an image, as Docker writes it. */
export interface Config {
  Entrypoint?: string[]
  Cmd?: string[]
  Env?: string[]
  User?: string
  WorkingDir?: string
  Volumes?: Record<string, object>
  StopSignal?: string
}

/** This machine's own shell and a few programs with their libraries: a layer that runs, made without any download. */
export function programs(names: readonly string[] = usual): Member[] {
  const members = new Map<string, Member>()
  const add = (path: string, from: string): void => {
    members.set(path, { path, mode: 0o755, body: readFileSync(from) })
  }
  for (const name of names) {
    const from = realpathSync(['/usr/bin', '/bin'].map((at) => join(at, name)).find((path) => existsSync(path)) ?? name)
    add(`bin/${name}`, from)
    const libraries = execFileSync('ldd', [from], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g)
    for (const [, library = ''] of libraries) add(library.slice(1), realpathSync(library))
  }
  return [...members.values()]
}

export const directory = (path: string, mode = 0o755): Member => ({ path: `${path}/`, type: '5', mode })
export const file = (path: string, body: string, mode = 0o644): Member => ({ path, body, mode })
export const link = (path: string, to: string): Member => ({ path, type: '2', link: to, mode: 0o777 })

const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:a web server:/home/web:/bin/sh\n'
const group = 'root:x:0:\nweb:x:1001:\nextra:x:1002:web,other\nother:x:1003:nobody\n'

/** What most images have, without programs. */
export const files: Member[] = [
  directory('etc'),
  directory('tmp', 0o1777),
  directory('home/web'),
  file('etc/passwd', passwd),
  file('etc/group', group),
]
