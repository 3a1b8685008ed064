import type { Client } from '../../api/client/client.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { type Dns, startDns } from '../dns.ts'
import type { FromWorker, ToWorker } from './channel.ts'
import { measuredOf } from './sum.ts'

/** The process as its supervisor started it: with a channel. */
type Channel = Pick<NodeJS.Process, 'on' | 'off' | 'send' | 'disconnect' | 'connected'>

/** One of several that answer at one port, until its supervisor says so or is gone. It follows the cluster itself. */
export async function runWorker({
  client,
  log,
  channel,
}: {
  client: Client
  log: Log
  channel: Channel
}): Promise<void> {
  const ended = Promise.withResolvers<void>()
  let dns: Dns | undefined
  const tell = (message: FromWorker): void => void channel.send?.(message)
  const fail = (op: 'start' | 'configure', error: unknown): void => {
    const { code, plain } = error instanceof KubehopError ? error : { code: 'Failed', plain: messageOf(error) }
    tell({ kind: 'failed', op, code, say: plain })
  }
  let started: Promise<unknown> | undefined
  const start = async ({ config, tells, joins }: Extract<ToWorker, { kind: 'start' }>): Promise<void> => {
    dns = await startDns({ client, config, log, joins, ...(!tells && { patience: Number.POSITIVE_INFINITY }) })
    tell({ kind: 'listening', ports: dns.ports.dns })
    void dns.synced.then(() => tell({ kind: 'synced' }))
  }
  /** One that has just been started is configured when it stands. */
  const configure = async ({ config }: Extract<ToWorker, { kind: 'configure' }>): Promise<void> => {
    await started
    await dns?.reconfigure(config)
    tell({ kind: 'configured' })
  }
  const hear = (message: ToWorker): void => {
    switch (message.kind) {
      case 'start':
        started = start(message).catch((error: unknown) => fail('start', error))
        return
      case 'configure':
        configure(message).catch((error: unknown) => fail('configure', error))
        return
      case 'measure': {
        const { cells, families } = dns?.counted() ?? { cells: new Float64Array(), families: () => [] }
        const { whole } = message
        measuredOf(whole ? families() : []).then(
          (told) => tell({ kind: 'measured', whole, cells, families: told }),
          (error: unknown) => log.warn({ error: messageOf(error) }, 'metrics could not be told'),
        )
        return
      }
      case 'close':
        ended.resolve()
    }
  }
  channel.on('message', hear)
  channel.on('disconnect', ended.resolve)
  await ended.promise
  channel.off('disconnect', ended.resolve)
  await dns?.close()
  channel.off('message', hear)
  if (channel.connected) channel.disconnect?.()
}
