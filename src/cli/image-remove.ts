import { familiar } from '../image/reference.ts'
import { changeImages } from '../lab/images.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop image rm NAME [--lab NAME]` */
export async function imageRemove(args: string[]): Promise<number> {
  const { values, positionals } = parse({ args, allowPositionals: true, options: { lab: { type: 'string' } } })
  const [which, more] = positionals
  if (which === undefined || more !== undefined) throw new UsageError('say which image: image rm NAME')
  const { image, gone, used } = await changeImages(values.lab, (store) => store.remove(which))
  const others = image.names.map(familiar).join(', ')
  if (!gone) console.log(`the name ${which} is gone; the image is still called ${others}`)
  else console.log(`image ${which} is gone${used ? '; its files go with the containers that use them' : ''}`)
  return 0
}
