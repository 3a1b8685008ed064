import { sizeOf, type StoredImage } from '../image/catalog.ts'
import { familiar } from '../image/reference.ts'
import { imagesOf } from '../lab/images.ts'
import { parse } from './usage.ts'

/** `kubehop image ls [--json] [--lab NAME]` */
export async function imageList(args: string[]): Promise<number> {
  const { values } = parse({ args, options: { json: { type: 'boolean' }, lab: { type: 'string' } } })
  const images = imagesOf(values.lab).list()
  console.log(values.json ? JSON.stringify(images.map(described), null, 2) : render(images))
  return 0
}

/** `1.5 MB`, of a thousand thousand bytes, as Docker says it. */
export function bytes(count: number): string {
  if (count < 1e3) return `${count} B`
  const [unit, by] = count < 1e6 ? ['kB', 1e3] : count < 1e9 ? ['MB', 1e6] : ['GB', 1e9]
  return `${(count / by).toFixed(1)} ${unit}`
}

/** What `image ls --json` prints; names in full. */
function described(image: StoredImage): object {
  return {
    id: image.id,
    names: image.names,
    digests: image.digests,
    loaded: image.loaded,
    bytes: sizeOf(image),
    layers: image.layers.length,
  }
}

function render(images: readonly StoredImage[]): string {
  if (images.length === 0) return 'no image is there: `kubehop image load FILE` or `kubehop image pull NAME` brings one'
  const rows = images
    .flatMap((image) => (image.names.length > 0 ? image.names.map(familiar) : ['-']).map((name) => rowOf(name, image)))
    .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
  const table = [['NAME', 'ID', 'SIZE', 'LOADED'], ...rows]
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
  return table.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')).join('\n')
}

function rowOf(name: string, image: StoredImage): string[] {
  return [name, image.id, bytes(sizeOf(image)), image.loaded.replace(/\.\d+Z$/, 'Z')]
}
