/** What an image is called: `docker.io/library/busybox:latest`, in its full form. */
export type ImageName = string

// The grammar of github.com/distribution/reference.
const part = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const host = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domain = new RegExp(`^(?:${host}(?:\\.${host})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const path = new RegExp(`^${part}(?:/${part})*$`)
const tag = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const longest = 255

/**
 * A name as people and manifests write it, in full: without a registry it is one of Docker Hub's, without a tag the tag is `latest`.
 * undefined when it is none. A digest behind it is kept, and then a tag says nothing more: `docker.io/library/busybox@sha256:...`.
 */
export function imageName(text: string): ImageName | undefined {
  const [before = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest))) return undefined
  const colon = before.lastIndexOf(':')
  const tagged = colon > before.lastIndexOf('/')
  const label = tagged ? before.slice(colon + 1) : 'latest'
  const repository = inFull(tagged ? before.slice(0, colon) : before)
  if (repository === undefined || !tag.test(label)) return undefined
  return digest === undefined ? `${repository}:${label}` : `${repository}@${digest}`
}

/** Where a registry has an image. */
export interface Place {
  /** `docker.io`, `registry.example:5000`. */
  registry: string
  /** `library/busybox` */
  repository: string
  /** What the repository calls it: `latest`, or a digest. */
  reference: string
}

/** The parts of a name in its full form. */
export function placeOf(name: ImageName): Place {
  const slash = name.indexOf('/')
  const [before = '', digest] = name.slice(slash + 1).split('@')
  // The path of a repository has no colon.
  const [repository = '', tag = 'latest'] = before.split(':')
  return { registry: name.slice(0, slash), repository, reference: digest ?? tag }
}

/** As people write it: `busybox:latest`. Docker's registry stays where its repository begins like another one: `docker.io/a.b/web:1`. */
export function familiar(name: ImageName): string {
  const short = name.replace(/^docker\.io\/(library\/(?=[^/]+$))?/, '')
  return imageName(short) === name ? short : name
}

function inFull(text: string): string | undefined {
  // Docker takes this for the id of an image.
  if (/^[0-9a-f]{64}$/.test(text)) return undefined
  const slash = text.indexOf('/')
  const first = slash === -1 ? '' : text.slice(0, slash)
  const isDomain = /[.:A-Z]/.test(first) || first === 'localhost'
  const registry = isDomain ? first.replace(/^index\.docker\.io$/, 'docker.io') : 'docker.io'
  const rest = isDomain ? text.slice(slash + 1) : text
  if (!domain.test(registry) || !path.test(rest)) return undefined
  const full = `${registry}/${registry === 'docker.io' && !rest.includes('/') ? 'library/' : ''}${rest}`
  return full.length > longest ? undefined : full
}
