import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { applyAll } from '../api/apply.ts'
import type { Client } from '../api/client/client.ts'
import { connectionFrom } from '../api/client/kubeconfig.ts'
import { connect } from '../api/client/http.ts'
import { Transport } from '../api/client/transport.ts'
import { type Manifest, parseManifests } from '../api/manifest.ts'
import { checkTogether } from '../api/manifest-set.ts'
import { didYouMean } from '../base/nearest.ts'
import { answerTime } from '../lab/answer-time.ts'
import { waitReady } from '../lab/ready.ts'
import type { Diagnosis } from '../doctor/diagnosis.ts'
import type { Trace } from '../trace/types.ts'
import { tryUntil } from './again.ts'
import { type Held, type HeldLab, holdLab } from './holder.ts'
import { notHealthy } from './healthy.ts'
import { notKeptOut, notReached, type Unreachable, type UnexpectedTrace } from './reach.ts'

export interface LabOptions {
  /** Default: one of its own, so that test files can run side by side. */
  readonly name?: string
  /** Default: 3. */
  readonly nodes?: number
  /** Manifest files, or folders of them, that are applied before `start` resolves. */
  readonly files?: readonly string[]
  /** `100.96.0.0/11`, of which every node gets a /24. */
  readonly podCidr?: string
  readonly serviceCidr?: string
  readonly nodeCidr?: string
  /** The domain that names of services are in. Default: cluster.local. */
  readonly zone?: string
  /** A name server of its own on every node. */
  readonly nodeDns?: boolean
  /** For the pods of `files` to become ready. Default: 60,000. */
  readonly timeoutMs?: number
  /** Where labs are kept. Default: the folder that `kubehop` uses. */
  readonly state?: string
}

export interface TraceRequest {
  /** Where FROM is looked for when it names no namespace; TO is looked for where FROM is. */
  readonly namespace?: string
  /** For the name, and then for the request. Default: 4,000. */
  readonly timeoutMs?: number
  /** How many requests are sent, up to 1,000; `repeats` of the trace counts what became of them. Default: 1. */
  readonly count?: number
  /** true: finds the largest packet that arrives; a number: sends one packet of so many bytes. See `sizes` of the trace. */
  readonly sizes?: boolean | number
  /** Sends nothing: foretells the way, the name and the verdict. */
  readonly dryRun?: boolean
}

export interface DoctorRequest {
  /** Only what concerns this one. Default: all. */
  readonly namespace?: string
  /** A request that is sent first, and explained. */
  readonly for?: {
    readonly from: string
    readonly to: string
    readonly namespace?: string
    readonly timeoutMs?: number
  }
}

export interface Expectation extends TraceRequest {
  /** Tries again until then, first soon, later four times a second, for what becomes true by itself; without it the first trace decides. */
  readonly withinMs?: number
}

/**
 * A whole cluster on this machine, for as long as somebody holds it.
 *
 *     await using lab = await Lab.start({ files: ['shop.yaml'] })
 *     await lab.expectReachable('client', 'http://web/')
 *
 * It goes with `down`, at the end of `await using`, and with this process, however that ends.
 */
export class Lab implements AsyncDisposable {
  readonly name: string
  /** A file's path: for kubectl, or any client library. */
  readonly kubeconfig: string
  readonly nodes: HeldLab['nodes']
  readonly #held: Held
  readonly #transport: Transport
  readonly #client: Client
  #down: Promise<void> | undefined

  private constructor(held: Held, transport: Transport, client: Client) {
    const { name, kubeconfig, nodes } = held.lab
    this.name = name
    this.kubeconfig = kubeconfig
    this.nodes = nodes
    this.#held = held
    this.#transport = transport
    this.#client = client
  }

  /** @throws Error when the lab cannot start, or what is in `files` does not become ready in time. Then nothing is left of it. */
  static async start(options: LabOptions = {}): Promise<Lab> {
    refuseUnknown(options)
    const held = await holdLab(
      argumentsFor(options),
      options.state === undefined ? {} : { KUBEHOP_STATE: options.state },
    )
    const { kubeconfig, ready, stuck, waiting } = held.lab
    try {
      if (!ready) throw new Error(`this did not become ready:\n${(stuck.length > 0 ? stuck : waiting).join('\n')}`)
      const connection = await connectionFrom(kubeconfig)
      return new Lab(held, new Transport(connection), connect(connection))
    } catch (error) {
      await held.release()
      throw error
    }
  }

  /**
   * Applies YAML, one or several documents, as `kubectl apply` does, and waits until its pods are ready: `timeoutMs` at most, which may be Infinity.
   * @throws Error that names line and field of what is wrong (nothing is changed then), or what did not become ready in time.
   */
  async apply(yaml: string, { timeoutMs = 60_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.#bring(parseManifests(yaml, 'the manifest'), timeoutMs)
  }

  /** The same for a file. */
  async applyFile(path: string, { timeoutMs = 60_000 }: { readonly timeoutMs?: number } = {}): Promise<void> {
    await this.#bring(parseManifests(readFileSync(path, 'utf8'), path), timeoutMs)
  }

  /** Sends one real request and tells what became of it: FROM and TO as `kubehop trace` takes them. */
  async trace(from: string, to: string, options: TraceRequest = {}): Promise<Trace> {
    const { namespace, timeoutMs, count, sizes, dryRun } = options
    // What is undefined is left out of the JSON.
    const body = { from, to, namespace, timeoutMs, count, sizes, dryRun }
    return (await this.#ask('/kubehop/trace', body, timeoutMs)) as Trace
  }

  /** What `kubehop doctor` finds, with the kernels of all nodes. */
  async doctor(options: DoctorRequest = {}): Promise<Diagnosis> {
    return (await this.#ask('/kubehop/doctor', { ...options }, options.for?.timeoutMs)) as Diagnosis
  }

  /** @throws AssertionError that tells what is wrong and what to change, when the doctor finds an error or a warning. */
  async expectHealthy(namespace?: string): Promise<Diagnosis> {
    const diagnosis = await this.doctor(namespace === undefined ? {} : { namespace })
    const problem = notHealthy(diagnosis)
    if (problem !== undefined) throw problem
    return diagnosis
  }

  /** @throws UnexpectedTrace, with the story of the request, when it is not delivered. */
  async expectReachable(from: string, to: string, options: Expectation = {}): Promise<Trace> {
    return this.#expect(from, to, options, notReached)
  }

  /** @throws UnexpectedTrace when it is delivered, or ends otherwise than expected. */
  async expectUnreachable(from: string, to: string, options: Expectation & Unreachable = {}): Promise<Trace> {
    return this.#expect(from, to, options, (trace) => notKeptOut(trace, options))
  }

  /** Ends the lab; resolves when nothing is left of it. */
  async down(): Promise<void> {
    this.#client.close()
    this.#transport.close()
    this.#down ??= this.#held.release()
    await this.#down
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down()
  }

  async #ask(path: string, body: object, timeoutMs?: number): Promise<unknown> {
    if (this.#down !== undefined) throw new Error(`the lab ${this.name} has ended: ask before \`down\``)
    return this.#transport.call({ method: 'POST', path, body }, answerTime(timeoutMs))
  }

  async #expect(
    from: string,
    to: string,
    { withinMs = 0, ...request }: Expectation,
    wrong: (trace: Trace) => UnexpectedTrace | undefined,
  ): Promise<Trace> {
    return tryUntil(() => this.trace(from, to, request), wrong, withinMs)
  }

  async #bring({ objects, errors }: { objects: Manifest[]; errors: string[] }, timeoutMs: number): Promise<void> {
    const wrong = [...errors, ...checkTogether(objects)]
    if (wrong.length > 0) throw new Error(`nothing was changed:\n${wrong.join('\n')}`)
    const wanted = objects.map(({ object }) => ({
      ...object,
      metadata: { namespace: 'default', ...object.metadata },
    }))
    await applyAll(
      this.#client,
      objects.map(({ object }) => object),
    )
    const { waiting, stuck } = await waitReady(this.#client, wanted, this.nodes.length, timeoutMs, () => {})
    if (waiting.length > 0)
      throw new Error(`this did not become ready:\n${(stuck.length > 0 ? stuck : waiting).join('\n')}`)
  }
}

/** For programs whose types nobody checks: a wish that is spelt wrongly would be left out in silence. */
function refuseUnknown(options: object): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const like = didYouMean(name, known)
    throw new TypeError(
      `Lab.start has no option "${name}"${like === '' ? `; there is ${known.join(', ')}` : `; ${like}`}`,
    )
  }
}

const known: readonly string[] = [
  'name',
  'nodes',
  'files',
  'podCidr',
  'serviceCidr',
  'nodeCidr',
  'zone',
  'nodeDns',
  'timeoutMs',
  'state',
] satisfies (keyof LabOptions)[]

function argumentsFor({ name, nodes, files, timeoutMs, nodeDns, ...ranges }: LabOptions): string[] {
  const given: [string, string | number | undefined][] = [
    ['--nodes', nodes],
    ['--pod-cidr', ranges.podCidr],
    ['--service-cidr', ranges.serviceCidr],
    ['--node-cidr', ranges.nodeCidr],
    ['--zone', ranges.zone],
    ['--timeout', timeoutMs === undefined ? undefined : timeoutMs / 1000],
  ]
  return [
    name ?? `test-${process.pid}-${randomBytes(3).toString('hex')}`,
    ...given.flatMap(([option, value]) => (value === undefined ? [] : [option, String(value)])),
    ...(files ?? []).flatMap((file) => ['--file', file]),
    ...(nodeDns === true ? ['--node-dns'] : []),
  ]
}
