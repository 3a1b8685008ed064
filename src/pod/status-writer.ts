import { ApiError, type Client } from '../api/client/client.ts'
import type { Condition } from '../api/objects/meta.ts'
import type { Pod, PodStatus } from '../api/objects/pod.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

const firstRetryMs = 500
const slowestRetryMs = 30_000

/** Brings one pod's status to the API: one write at a time, always the newest, nothing when nothing changed. */
export class StatusWriter {
  readonly #client: Client
  readonly #log: Log
  #wanted: { pod: Pod; status: PodStatus } | undefined
  #written = ''
  /** What was written last, and the version that it became. */
  #last: { pod: Pod; status: PodStatus; version: number } | undefined
  #api: Pod | undefined
  #busy: Promise<void> | undefined
  #retry: NodeJS.Timeout | undefined
  #retryMs = firstRetryMs
  #closed = false
  #conditions: Condition[] | undefined

  constructor(client: Client, log: Log) {
    this.#client = client
    this.#log = log
  }

  /** The pod with the conditions that were told last, which may not have come back yet: the next ones take their times from them. */
  onto(pod: Pod): Pod {
    const told = this.#conditions
    if (!told) return pod
    const types = new Set(told.map(({ type }) => type))
    const others = (pod.status?.conditions ?? []).filter(({ type }) => !types.has(type))
    return { ...pod, status: { ...pod.status, conditions: [...told, ...others] } }
  }

  put(pod: Pod, status: PodStatus): void {
    this.#conditions = status.conditions
    this.#wanted = { pod, status }
    if (!this.#retry) this.#next()
  }

  /**
   * The pod as the API has it now. When another hand has written over a condition that was told, it is told again: the control plane
   * marks the pods of a node that it does not hear from.
   */
  seen(pod: Pod): void {
    this.#api = pod
    this.#compare()
  }

  /** Fulfilled when everything told so far has arrived or was given up for now. */
  async settled(): Promise<void> {
    while (this.#busy) await this.#busy
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
  }

  #next(): void {
    const wanted = this.#wanted
    if (this.#busy || !wanted || this.#closed) return
    const text = JSON.stringify(wanted.status)
    this.#wanted = undefined
    if (text === this.#written) return
    this.#busy = this.#write(wanted.pod, wanted.status, text).finally(() => {
      this.#busy = undefined
      if (!this.#retry) this.#next()
      this.#compare()
    })
  }

  /** Only with no write under way: before its answer is here, its own echo would look like another hand's. */
  #compare(): void {
    const [last, api] = [this.#last, this.#api]
    if (!last || !api || this.#busy || this.#wanted || Number(api.metadata.resourceVersion) <= last.version) return
    const overwritten = last.status.conditions?.some(({ type, status }) => {
      const now = api.status?.conditions?.find((condition) => condition.type === type)
      return now !== undefined && now.status !== status
    })
    if (!overwritten) return
    this.#written = ''
    this.put(last.pod, last.status)
  }

  async #write({ metadata }: Pod, status: PodStatus, text: string): Promise<void> {
    // A merge patch leaves out nothing by itself: what is not so any more has to be taken away.
    const whole = { reason: null, message: null, podIP: null, podIPs: null, ...status }
    try {
      const { metadata: written } = await this.#client.patch(
        'Pod',
        metadata.name,
        metadata.namespace,
        { metadata: { uid: metadata.uid }, status: whole },
        'status',
      )
      this.#written = text
      this.#last = { pod: { metadata } as Pod, status, version: Number(written.resourceVersion) }
      this.#retryMs = firstRetryMs
    } catch (error) {
      // Gone, or another pod of the same name: there is nobody left to tell.
      if (error instanceof ApiError && (error.code === 404 || error.code === 409 || error.code === 422)) {
        this.#log.debug({ pod: metadata.name, error: error.message }, 'the status of a pod was not taken')
        return
      }
      this.#log.warn(
        { pod: metadata.name, error: messageOf(error) },
        'the status of a pod could not be told; trying again',
      )
      this.#wanted ??= { pod: { metadata } as Pod, status }
      this.#retry = setTimeout(() => {
        this.#retry = undefined
        this.#next()
      }, this.#retryMs)
      this.#retryMs = Math.min(this.#retryMs * 2, slowestRetryMs)
    }
  }
}
