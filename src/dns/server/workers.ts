import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Family } from '../../base/metrics/family.ts'
import { counter, measured } from '../../base/metrics/number.ts'
import { processFamilies } from '../../base/metrics/process.ts'
import type { DnsConfig, Place } from '../config/config.ts'
import { withoutRestart } from '../config/restart.ts'
import type { Dns } from '../dns.ts'
import type { Measured } from './channel.ts'
import { countedFamilies } from './families.ts'
import { Metrics } from './metrics.ts'
import { openOperations, operationPages } from './operations.ts'
import { familyOf, lasting, measuredOf, sumOf } from './sum.ts'
import { endedCode, type Spawn, WorkerProcess } from './worker-process.ts'

export interface WorkersOptions {
  readonly config: DnsConfig
  readonly log: Log
  /** Starts a process that ends in `runWorker`. */
  readonly spawn: Spawn
  /** How often workers are looked at: as long as one takes to say a word, a question waits there. */
  readonly lookMilliseconds?: number
}

/** Looks in a row that find a worker silent: the kernel gives it clients still, who get no answers. */
const mostSilent = 10
const firstDelay = 100
const longestDelay = 10_000

/**
 * Several processes that answer at one port, as if they were one server: the kernel gives each client to one of them (SO_REUSEPORT). This process answers
 * nothing: it serves health, readiness and the sum of all metrics, and starts a worker again that has ended, which joins the others once it knows the
 * whole cluster.
 */
export async function startWorkers({
  config: first,
  log,
  spawn,
  lookMilliseconds = 1000,
}: WorkersOptions): Promise<Dns> {
  let config = first
  let retired = false
  const own = new Metrics()
  const crew = new Crew({ config: () => config, log, spawn })
  const looking = setInterval(() => {
    // One that is being started has not begun to listen.
    for (const worker of crew.present) if (worker.ports.length > 0) look(worker)
  }, lookMilliseconds).unref()
  const look = (worker: WorkerProcess): void => {
    worker.measure(false, lookMilliseconds).then(
      ({ seconds }) => own.healthAsked(seconds, false),
      () => {
        own.healthAsked(lookMilliseconds / 1000, true)
        if (worker.silent >= mostSilent && worker.kill())
          log.error({ worker: worker.number }, 'a worker has said nothing for too long, and is ended')
      },
    )
  }
  let operations: Awaited<ReturnType<typeof openOperations>> | undefined
  const close = async (): Promise<void> => {
    retired = true
    clearInterval(looking)
    await crew.close()
    await operations?.close()
  }
  const families = async (): Promise<Family[]> => {
    const self = { cells: own.cells, families: await measuredOf(processFamilies()) }
    const { cells, families } = sumOf([self, ...(await crew.measure())])
    return [...countedFamilies(() => cells, crew.ports[0] ?? 0), ...families.map(familyOf), ...crew.families]
  }
  const missing = (): string[] => [...crew.missing(), ...(retired ? ['lameduck'] : [])]
  try {
    await crew.start()
    operations = await openOperations(config, operationPages({ missing, families }))
    return {
      synced: crew.synced(),
      ports: { dns: [...crew.ports], ...operations.ports },
      get config() {
        return config
      },
      async reconfigure(wanted) {
        const before = config
        const next = withoutRestart(before, wanted)
        // A worker that is started from now on begins with it.
        config = next.config
        try {
          await crew.configure(config)
        } catch (error) {
          config = before
          await crew.configure(before)
          throw error
        }
        return next.restart
      },
      refused: () => own.reloadFailed(),
      counted: () => ({ cells: own.cells, families: () => [] }),
      retire: () => void (retired = true),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface CrewOptions {
  readonly config: () => DnsConfig
  readonly log: Log
  readonly spawn: Spawn
}

/** The workers, as many as are configured. */
class Crew {
  ports: readonly number[] = []
  readonly families: readonly Family[]
  readonly #options: CrewOptions
  readonly #workers = new Map<number, WorkerProcess>()
  readonly #delays = new Map<number, number>()
  readonly #restarts = counter('kubehop_dns_worker_restarts_total', 'Workers that ended and were started again.', [])
  /** What those counted that have ended. */
  #past: Measured = { cells: new Float64Array(), families: [] }
  #steady = false
  #whole = false
  #closed = false

  constructor(options: CrewOptions) {
    this.#options = options
    this.#restarts.of()
    const answering = (): number => this.present.filter(({ knows }) => knows).length
    this.families = [
      this.#restarts,
      measured('gauge', 'kubehop_dns_workers', 'Workers that know the cluster and answer.', answering),
    ]
  }

  get present(): WorkerProcess[] {
    return [...this.#workers.values()]
  }

  /** The first one takes the ports, which may be any; the others share them. */
  async start(): Promise<void> {
    const { workers } = this.#options.config()
    this.ports = (await this.#begin(1, false)).ports
    await Promise.all(Array.from({ length: workers - 1 }, (_, at) => this.#begin(at + 2, false)))
    this.#steady = true
  }

  async synced(): Promise<void> {
    await Promise.all(this.present.map(({ synced }) => synced))
    this.#whole = true
  }

  /** Those that do not know the cluster yet; later only when nobody answers at all. */
  missing(): string[] {
    const waiting = this.present.filter(({ knows }) => !knows).map(({ number }) => `worker-${number}`)
    if (!this.#whole) return waiting
    return this.present.some(({ knows }) => knows) ? [] : ['workers']
  }

  /** One that ends meanwhile gets it when it is started again. */
  async configure(config: DnsConfig): Promise<void> {
    const told = await Promise.allSettled(this.present.map((worker) => worker.configure(this.#shared(config))))
    for (const one of told) if (one.status === 'rejected' && !hasEnded(one.reason)) throw one.reason
  }

  async measure(): Promise<Measured[]> {
    const told = await Promise.all(
      this.present.map((worker) =>
        worker.measure(true).then(
          ({ measured }) => measured,
          () => worker.last,
        ),
      ),
    )
    return [this.#past, ...told.filter((one) => one !== undefined)]
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.present.map((worker) => worker.close()))
  }

  async #begin(number: number, joins: boolean): Promise<WorkerProcess> {
    const { config, spawn } = this.#options
    const worker = new WorkerProcess(number, spawn)
    this.#workers.set(number, worker)
    void worker.ended.then((how) => this.#ended(worker, how))
    await worker.start({ config: this.#shared(config()), tells: number === 1, joins })
    return worker
  }

  #ended(worker: WorkerProcess, how: string): void {
    const { number, last, age } = worker
    this.#workers.delete(number)
    if (last) this.#past = sumOf([this.#past, lasting(last)])
    if (this.#closed || !this.#steady) return
    const before = age > longestDelay ? 0 : (this.#delays.get(number) ?? 0)
    const delay = Math.min(Math.max(before * 2, firstDelay), longestDelay)
    this.#delays.set(number, delay)
    this.#restarts.of().add()
    const { log } = this.#options
    log.error({ worker: number, how }, 'a worker ended; it is started again')
    setTimeout(() => {
      if (this.#closed) return
      this.#begin(number, true).then(
        () => log.info({ worker: number }, 'a worker was started again and answers'),
        (error: unknown) => {
          log.error({ worker: number, error: messageOf(error) }, 'a worker could not be started again')
          this.#workers.get(number)?.kill()
        },
      )
    }, delay)
  }

  #shared(config: DnsConfig): DnsConfig {
    const { health: _health, ready: _ready, metrics: _metrics, ...others } = config
    const listen = config.listen.map((at, index): Place => ({ ...at, port: this.ports[index] ?? at.port }))
    return { ...others, listen }
  }
}

function hasEnded(error: unknown): boolean {
  return error instanceof KubehopError && error.code === endedCode
}
