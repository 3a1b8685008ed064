import { writeSync } from 'node:fs'
import { messageOf } from '../base/errors.ts'
import { makeLog } from '../base/log.ts'
import { closeOnExec } from '../kernel/descriptor.ts'
import { listenerFd, type Progress, progressFd, type SupervisorConfig } from './start.ts'
import { layWire } from './wire.ts'

/** The lab's supervisor, inside the lab's namespaces: `supervise CONFIG`. Started by {@link startLab}; never ends by itself. */
export async function supervise([text = '']: string[]): Promise<number> {
  const config = JSON.parse(text) as SupervisorConfig
  const log = makeLog('lab')
  for (const fd of [progressFd, listenerFd]) closeOnExec(fd)
  try {
    tell({ stage: 'step', say: 'laying the wire' })
    const wire = layWire(config)
    log.info({ nodes: wire.nodes.length })
    tell({ stage: 'ready' })
    await new Promise(() => {
      setInterval(() => {}, 1000)
    })
    return 0
  } catch (error) {
    log.fatal({ error: messageOf(error), stack: (error as Error).stack }, 'the lab could not start')
    tell({ stage: 'failed', say: messageOf(error) })
    return 1
  }
}

function tell(progress: Progress): void {
  writeSync(progressFd, `${JSON.stringify(progress)}\n`)
}
