import { posix } from 'node:path'
import { list, object, parseJson, text, type Unknown } from './json.ts'
import { refuse, shown } from './refuse.ts'

/** How an image wants its container started (OCI image specification, config.md); nothing that it does not say is filled in. */
export interface ImageConfig {
  entrypoint: string[]
  cmd: string[]
  /** In the image's order; a name may come again, and then the last one counts. */
  env: [name: string, value: string][]
  /** `USER`, `UID`, `USER:GROUP`, or empty; names are those of the image's own /etc/passwd and /etc/group. */
  user: string
  /** Absolute; empty when the image names none. */
  workingDir: string
  /** Such as `80/tcp`: a note for people, which opens nothing. */
  exposedPorts: string[]
  /** Absolute paths. */
  volumes: string[]
  /** A name or a number; empty when the image names none. */
  stopSignal: string
  labels: Record<string, string>
}

/** `what` names the file in errors. @throws KubehopError `BadJson`, `BadConfig` */
export function parseConfig(bytes: Buffer, what: string): ImageConfig {
  const said = fieldsOf(parseJson(bytes, what), what)
  const at = (name: string): string => `config.${name} in ${what}`
  return {
    entrypoint: texts(said, 'Entrypoint', at),
    cmd: texts(said, 'Cmd', at),
    env: texts(said, 'Env', at).map((each) => variable(each, at('Env'))),
    user: plain(said, 'User', at),
    workingDir: directory(plain(said, 'WorkingDir', at)),
    exposedPorts: keys(said, 'ExposedPorts', at),
    volumes: keys(said, 'Volumes', at).map(directory),
    stopSignal: plain(said, 'StopSignal', at),
    labels: labels(said, at),
  }
}

/** Docker writes null for what is not there. */
const fieldsOf = (image: unknown, what: string): Unknown =>
  object(object(image, what)['config'] ?? {}, `config in ${what}`)

type At = (name: string) => string

function texts(said: Unknown, name: string, at: At): string[] {
  return list(said[name] ?? [], at(name)).map((each) => whole(text(each, `an entry of ${at(name)}`), at(name)))
}

const plain = (said: Unknown, name: string, at: At): string => whole(text(said[name] ?? '', at(name)), at(name))

/** A set in Go's JSON: an object whose values are empty objects. */
function keys(said: Unknown, name: string, at: At): string[] {
  const set = object(said[name] ?? {}, at(name))
  return Object.entries(set).map(([key, value]) => {
    if (value !== null) object(value, `${shown(key)} of ${at(name)}`)
    return whole(key, at(name))
  })
}

function labels(said: Unknown, at: At): Record<string, string> {
  const given = Object.entries(object(said['Labels'] ?? {}, at('Labels')))
  return Object.fromEntries(given.map(([key, value]) => [key, text(value, `${shown(key)} of ${at('Labels')}`)]))
}

function variable(said: string, what: string): [string, string] {
  const equals = said.indexOf('=')
  if (equals < 1)
    throw refuse('BadConfig', `${what} has ${shown(said)}, which is no NAME=VALUE: the image cannot be started so`)
  return [said.slice(0, equals), said.slice(equals + 1)]
}

/** Below the image's root, as Docker takes it: a relative one begins there, and none climbs out. */
const directory = (path: string): string => (path === '' ? '' : posix.resolve('/', path))

/** What goes to execve(2) and mount(2) ends at a NUL. */
function whole(value: string, what: string): string {
  if (value.includes('\0')) throw refuse('BadConfig', `${what} has ${shown(value)}, with a NUL byte in it`)
  return value
}
