import { imageName, placeOf } from '../image/reference.ts'
import type { PullStep } from '../image/pull.ts'
import { changeImages } from '../lab/images.ts'
import { ownCredentials } from './image-credentials.ts'
import { sayLoaded } from './image-load.ts'
import { PullProgress } from './image-progress.ts'
import { showProgress } from './progress.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop image pull NAME [--insecure] [--lab NAME]` */
export async function imagePull(args: string[]): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: { insecure: { type: 'boolean' }, lab: { type: 'string' } },
  })
  const [which, more] = positionals
  if (which === undefined || more !== undefined) throw new UsageError('say which image: image pull NAME')
  const name = imageName(which)
  if (name === undefined)
    throw new UsageError(`"${which}" is no name of an image: such as web, web:v2 or registry.example/team/web:v2`)
  const { registry } = placeOf(name)
  const credentials = await ownCredentials(registry)
  const stop = new AbortController()
  const interrupt = (): void => stop.abort(new Error('interrupted'))
  for (const signal of stops) process.once(signal, interrupt)
  const progress = showProgress(false)
  const onProgress = shown((say) => progress.step(say))
  try {
    const insecure = values.insecure ? [registry] : []
    const options = { credentials, insecure, signal: stop.signal, onProgress }
    const image = await changeImages(values.lab, (store) => store.pull(name, options))
    progress.done()
    sayLoaded('pulled', { ...image, names: [name] })
    return 0
  } catch (error) {
    progress.done()
    if (error === stop.signal.reason) return 130
    throw error
  } finally {
    for (const signal of stops) process.off(signal, interrupt)
  }
}

const stops = ['SIGINT', 'SIGTERM'] as const

/** On a terminal, one line that is rewritten some times a second; in a log, a line for each layer. */
function shown(step: (say: string) => void): (step: PullStep) => void {
  const progress = new PullProgress()
  const live = process.stderr.isTTY
  let next = 0
  return (what) => {
    const lines = progress.take(what)
    if (!live) for (const line of lines) step(line)
    else if (Date.now() >= next) {
      next = Date.now() + 100
      step(progress.line)
    }
  }
}
