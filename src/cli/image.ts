import { UsageError } from './usage.ts'

const verbs = ['load', 'pull', 'ls', 'rm'] as const

/** `kubehop image load`, `image pull`, `image ls` and `image rm`. */
export async function image([verb, ...args]: string[]): Promise<number> {
  switch (verb) {
    case 'load':
      return (await import('./image-load.ts')).imageLoad(args)
    case 'pull':
      return (await import('./image-pull.ts')).imagePull(args)
    case 'ls':
      return (await import('./image-list.ts')).imageList(args)
    case 'rm':
      return (await import('./image-remove.ts')).imageRemove(args)
    default:
      throw new UsageError(
        verb === undefined
          ? `say what: ${verbs.join(', ')}`
          : `there is no "image ${verb}": ${verbs.map((each) => `image ${each}`).join(', ')}`,
      )
  }
}
