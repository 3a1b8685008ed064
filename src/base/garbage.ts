import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** V8's `gc` as `--expose-gc` gives it. */
type Collect = (how: { type: 'major'; execution: 'sync'; flavor: 'regular' | 'last-resort' }) => void

let collect: Collect | undefined

/**
 * Has V8 throw away what is of no use any more, now, and give the memory back. It would wait until the heap has grown to twice of what is in use, and
 * after something large that comes once (a first list of a hundred thousand objects) that is never. Takes about 2 ms for each MB in use; nothing else
 * happens meanwhile.
 */
export function collectGarbage(): void {
  if (!collect) {
    // There is no other way to it for a process that was started without --expose-gc.
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as Collect
    setFlagsFromString('--no-expose-gc')
  }
  // A regular one leaves pages half empty: of 340 MB in use 60 MB more stayed with the process.
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
