import { familiar, type ImageName, imageName } from '../image/reference.ts'
import { sizeOf } from '../image/catalog.ts'
import type { LoadedImage } from '../image/store.ts'
import { changeImages } from '../lab/images.ts'
import { bytes } from './image-list.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop image load FILE [--name NAME] [--lab NAME]` */
export async function imageLoad(args: string[]): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: { name: { type: 'string' }, lab: { type: 'string' } },
  })
  const [file, more] = positionals
  if (file === undefined) throw new UsageError('say which archive: image load FILE')
  if (more !== undefined) throw new UsageError(`one archive at a time, and "${more}" is one too many: image load FILE`)
  const name = values.name === undefined ? undefined : imageName(values.name)
  if (values.name !== undefined && name === undefined)
    throw new UsageError(`"${values.name}" is no name of an image: such as web, web:v2 or registry.example/team/web:v2`)
  const images = await changeImages(values.lab, (store) => store.load(file, name === undefined ? {} : { name }))
  for (const image of images) sayLoaded('loaded', image)
  return 0
}

export function sayLoaded(done: string, image: LoadedImage): void {
  const names = image.names.map(familiar).join(', ') || `${image.id} (without a name: --name gives it one)`
  console.log(`${done} ${names}, ${bytes(sizeOf(image))}`)
  if (image.names.some(isHost)) console.error(hostWarning)
  const latest = image.names.find((name) => name.endsWith(':latest'))
  if (latest !== undefined) {
    const say = `pods ask a registry for ${familiar(latest)} at each start, unless they say imagePullPolicy: IfNotPresent`
    console.log(`  ${say}; with another tag than "latest" they need not`)
  }
  const [first, ...others] = image.withoutAttributes
  if (first === undefined) return
  const which = others.length === 0 ? first : `${first} and ${others.length} more`
  console.error(`Warning: extended attributes, such as file capabilities, could not be kept: ${which}`)
}

/** The name that a pod's `image: host` would have, if it were no word of ours. */
const isHost = (name: ImageName): boolean => name === imageName('host')
const hostWarning =
  'Warning: `image: host` in a pod means the files of this machine, and never this image: give it another name with --name'
