import type { Container } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { familiar, imageName } from '../../image/reference.ts'
import { goDuration } from '../backoff.ts'
import type { Home } from '../home.ts'
import type { LocalImage } from './local.ts'

/** What a container can be started from. */
export interface Available {
  /** undefined: the files of this machine. */
  local: LocalImage | undefined
  /** For an event; undefined when it was told already. */
  say: string | undefined
}

/** Why a container has no image yet, in kubelet's words (k8s.io/kubernetes/pkg/kubelet/images). */
type Reason = 'ErrImagePull' | 'ImagePullBackOff' | 'ErrImageNeverPull' | 'InvalidImageName'

interface Failure {
  at: number
  message: string
  /** In a row. */
  count: number
}

/** As long as a failure is shown before the waiting is; kubelet's next look comes about then. */
const longestShownMs = 2000
const settlingMs = 200

/** Finds the image of one container, or fetches it, and tells why it cannot be had. */
export class ContainerImage {
  readonly #home: Home
  readonly #wait: (reason: string, message?: string) => void
  #text = ''
  /** Fetched for the next start, as its policy wants. */
  #fresh = false
  #pulling: AbortController | undefined
  /** When the image that is being fetched was seen in a store. */
  #arrived: number | undefined
  #failure: Failure | undefined
  #told: Reason | undefined
  #unwatch: (() => void) | undefined

  constructor(home: Home, wait: (reason: string, message?: string) => void) {
    this.#home = home
    this.#wait = wait
  }

  /** The image for the next start. undefined: it is being fetched, or it is told why not; the pod is poked when that changes. */
  ask(spec: Container, wakeIn: (ms: number) => void): Available | undefined {
    const { image = '' } = spec
    if (image !== this.#text) this.close()
    this.#text = image
    const found = image === 'host' ? thisMachine : this.#find(spec, wakeIn)
    if (found) {
      this.#told = undefined
      this.#endWatch()
    } else this.#watch()
    return found
  }

  /** A container was started from it: the next start asks anew. */
  used(): void {
    this.#fresh = false
    this.#failure = undefined
  }

  /** Nobody waits for it any more. */
  close(): void {
    this.#pulling?.abort(new KubehopError('pod', 'pull', 'Aborted', 'the pod is gone'))
    this.#pulling = undefined
    this.#told = undefined
    this.used()
    this.#endWatch()
  }

  #find(spec: Container, wakeIn: (ms: number) => void): Available | undefined {
    const { image = '', imagePullPolicy: policy } = spec
    const name = imageName(image)
    if (name === undefined) return this.#invalid(spec)
    const local = this.#home.context.images.local.find(image)
    if (local && this.#fresh) return { local, say: undefined }
    if (local && policy !== 'Always') {
      if (this.#pulling && this.#ownDoing(wakeIn)) return undefined
      this.#drop()
      const say = `Container image ${JSON.stringify(image)} already present on machine and can be accessed by the pod`
      return { local, say }
    }
    if (policy === 'Never') return this.#neverPulled(spec)
    if (this.#pulling) return undefined
    const { firstMs, maxMs } = this.#home.context.backoff
    const failure = this.#failure
    if (!failure) return this.#pull(spec, name)
    const passed = Date.now() - failure.at
    const delay = Math.min(firstMs * 2 ** Math.min(failure.count - 1, 30), maxMs)
    if (passed >= delay) return this.#pull(spec, name)
    const shown = Math.min(longestShownMs, delay / 5)
    if (passed >= shown) this.#backOff(spec, failure)
    wakeIn((passed < shown ? shown : delay) - passed)
  }

  /** The store has it a moment before the pull is over. */
  #ownDoing(wakeIn: (ms: number) => void): boolean {
    this.#arrived ??= Date.now()
    const left = this.#arrived + settlingMs - Date.now()
    if (left > 0) wakeIn(left)
    return left > 0
  }

  /** It came another way. */
  #drop(): void {
    this.#pulling?.abort(new KubehopError('pod', 'pull', 'Aborted', 'the image has come meanwhile'))
    this.#pulling = undefined
  }

  #pull(spec: Container, name: string): undefined {
    const { image = '' } = spec
    const { context, pod } = this.#home
    const abort = new AbortController()
    this.#pulling = abort
    this.#arrived = undefined
    this.#told = undefined
    this.#home.event(spec, 'Normal', 'Pulling', `Pulling image ${JSON.stringify(image)}`)
    // While it is tried again, why the last try failed stays to be read.
    if (!this.#failure) this.#wait('ContainerCreating')
    const begun = Date.now()
    const lacking = (secrets: string[]): void => {
      const say = `Unable to retrieve some image pull secrets (${secrets.join(', ')}); attempting to pull the image may not succeed.`
      this.#home.event(undefined, 'Warning', 'FailedToRetrieveImagePullSecret', say)
    }
    const ended = (tell: () => void): void => {
      // Given up, or begun anew.
      if (this.#pulling !== abort) return
      this.#pulling = undefined
      tell()
      this.#home.changed()
    }
    context.images.pull(name, pod, abort.signal, lacking).then(
      ({ bytes }) =>
        ended(() => {
          this.#fresh = true
          this.#failure = undefined
          const took = goDuration(Date.now() - begun)
          const say = `Successfully pulled image ${JSON.stringify(image)} in ${took} (${took} including waiting). Image size: ${bytes} bytes.`
          this.#home.event(spec, 'Normal', 'Pulled', say)
        }),
      (error: unknown) => ended(() => this.#failed(spec, error)),
    )
  }

  #failed(spec: Container, error: unknown): void {
    const { image = '' } = spec
    const why = error instanceof KubehopError ? error.plain : messageOf(error)
    const here = this.#home.context.images.local.find(image) !== undefined
    const message = `${/[.?!]$/.test(why) ? why : `${why}.`} ${here ? remedyOfAlways : remedy(image, error)}`
    this.#failure = { at: Date.now(), message, count: (this.#failure?.count ?? 0) + 1 }
    this.#home.event(spec, 'Warning', 'Failed', `Failed to pull image ${JSON.stringify(image)}: ${message}`)
    this.#tell(spec, 'ErrImagePull', message)
  }

  #backOff(spec: Container, { message }: Failure): void {
    const say = `Back-off pulling image ${JSON.stringify(this.#text)}`
    if (this.#told !== 'ImagePullBackOff') this.#home.event(spec, 'Normal', 'BackOff', say)
    this.#tell(spec, 'ImagePullBackOff', `${say}: ErrImagePull: ${message}`)
  }

  #neverPulled(spec: Container): undefined {
    const { image = '' } = spec
    const say = `Container image ${JSON.stringify(image)} is not present with pull policy of Never. ${remedy(image)}`
    if (this.#told !== 'ErrImageNeverPull') this.#home.event(spec, 'Warning', 'ErrImageNeverPull', say)
    this.#tell(spec, 'ErrImageNeverPull', say)
  }

  #invalid(spec: Container): undefined {
    const text = JSON.stringify(spec.image ?? '')
    const say = `Failed to apply default image tag ${text}: couldn't parse image name ${text}: invalid reference format`
    if (this.#told !== 'InvalidImageName') this.#home.event(spec, 'Warning', 'InspectFailed', say)
    this.#tell(spec, 'InvalidImageName', say)
  }

  /** Once for each reason, as long as it lasts. */
  #tell(spec: Container, reason: Reason, message: string): void {
    if (this.#told !== reason) this.#home.event(spec, 'Warning', 'Failed', `Error: ${reason}`)
    this.#told = reason
    this.#wait(reason, message)
  }

  #watch(): void {
    if (this.#unwatch) return
    this.#unwatch = this.#home.context.images.watch.wait(() => this.#home.changed())
    // It may have come between the look and the watch.
    this.#home.changed()
  }

  #endWatch(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }
}

const thisMachine: Available = { local: undefined, say: 'Container image "host" is the files of this machine' }

function remedy(image: string, cause?: unknown): string {
  const short = familiar(imageName(image) ?? image)
  const unreached = cause instanceof KubehopError && (cause.code === 'NoHost' || cause.code === 'Unreachable')
  return (
    `${unreached ? 'The nodes of a lab reach only what is in the lab. ' : ''}\`kubehop image pull ${short}\` fetches it for them, ` +
    `\`kubehop image load FILE\` brings it in from a file, such as \`docker save ${short} -o FILE\` makes; ` +
    'or use "image: host" and a command, which runs with this machine\'s own files'
  )
}

const remedyOfAlways =
  'The image is on this machine, but imagePullPolicy Always (the default of the tag "latest") asks a registry at each start: ' +
  'set imagePullPolicy: IfNotPresent'
