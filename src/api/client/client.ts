import type { KindName, Kinds } from '../objects/index.ts'
import type { ObjectMeta, ObjectReference } from '../objects/meta.ts'

/** What an object's metadata may lack before the API has seen it. */
export type New<T> = T extends { metadata: ObjectMeta }
  ? Omit<T, 'apiVersion' | 'kind' | 'metadata'> & {
      metadata: Partial<ObjectMeta> & ({ name: string } | { generateName: string })
    }
  : never

export interface ListOptions {
  namespace?: string
  /** Kubernetes' own syntax: `app=web,tier in (a,b)`. */
  labelSelector?: string
  /** `metadata.name=x`, `spec.nodeName=node1`, ... */
  fieldSelector?: string
}

export interface ListRequest extends ListOptions {
  /** Ends the asking, over HTTPS. Default: after 30 s. */
  signal?: AbortSignal
}

export interface List<T> {
  items: T[]
  resourceVersion: string
}

export type Change<T> =
  | { type: 'added'; object: T }
  | { type: 'modified'; object: T; old: T }
  | { type: 'deleted'; object: T }

/** A live, read-only copy of a list, kept by list + watch; it reconnects by itself. Objects in it must not be changed. */
export interface Follower<T> {
  /** Fulfilled once the first whole list is here and every `onChange` for it has run. */
  readonly synced: Promise<void>
  /** By `namespace/name`, or `name` for what has no namespace. */
  get(key: string): T | undefined
  list(): T[]
  close(): void
}

export interface FollowOptions<T> extends ListOptions {
  /** What to keep of each object, for who follows many: the copy and the changes hold nothing else. Name, namespace, uid and version must stay. */
  shape?: (object: T) => T
  /** Called in order, once per change; the first list arrives as `added`. */
  onChange?: (change: Change<T>) => void
  /** Called after each batch of changes that arrived together (the first list is one batch). */
  onBatch?: () => void
  /**
   * Called with true whenever the server has said something (a list, a line of a watch), and with false at each failed attempt to reach it. Not called by
   * clients that are in one process with the server.
   */
  onContact?: (heard: boolean) => void
}

/** The only way that agents and control loops reach the cluster's state. Over HTTPS, or straight into the store. */
export interface Client {
  /** undefined when there is none. Other failures throw an ApiError. */
  get<K extends KindName>(kind: K, name: string, namespace?: string): Promise<Kinds[K] | undefined>
  list<K extends KindName>(kind: K, options?: ListRequest): Promise<List<Kinds[K]>>
  create<K extends KindName>(kind: K, object: New<Kinds[K]>): Promise<Kinds[K]>
  /** Replaces spec and metadata; an object carrying an outdated resourceVersion is refused with Conflict (409). */
  update<K extends KindName>(kind: K, object: Kinds[K]): Promise<Kinds[K]>
  /** Replaces only the status; labels and annotations that come along are set. */
  updateStatus<K extends KindName>(kind: K, object: Kinds[K]): Promise<Kinds[K]>
  /** RFC 7386 merge patch, of the object or of its status. */
  patch<K extends KindName>(
    kind: K,
    name: string,
    namespace: string | undefined,
    patch: object,
    subresource?: 'status' | 'ephemeralcontainers',
  ): Promise<Kinds[K]>
  delete(kind: KindName, name: string, namespace?: string, options?: DeleteOptions): Promise<void>
  /** Gives a pod to a node (pods/binding). Conflict when it has one already or is being deleted. */
  bind(pod: string, namespace: string, node: string): Promise<Kinds['Pod']>
  follow<K extends KindName>(kind: K, options?: FollowOptions<Kinds[K]>): Follower<Kinds[K]>
  /** Records an Event on an object; a repeat of the same reason and message only raises its count. Never throws: it logs. */
  event(about: ObjectReference, type: 'Normal' | 'Warning', reason: string, message: string): void
  /** A bound token for a service account (TokenRequest). */
  token(
    serviceAccount: string,
    namespace: string,
    pod?: { name: string; uid: string },
    wish?: TokenWish,
  ): Promise<{ token: string; expires: string }>
  close(): void
}

/** What a token is for. */
export interface TokenWish {
  /** Whom it is to be shown to; default: the API server. */
  audiences?: readonly string[]
  /** At least 600; default 3607. */
  expirationSeconds?: number
}

export interface DeleteOptions {
  gracePeriodSeconds?: number
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
  /** Delete only this very object. */
  uid?: string
}

/** A refusal by the API server, as its Status object says it. */
export class ApiError extends Error {
  /** HTTP status: 404, 409, 422, ... */
  readonly code: number
  /** `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, ... */
  readonly reason: string
  /** The rest of the Status: the object concerned and, for `Invalid`, each wrong field. */
  readonly details: StatusDetails | undefined
  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.reason = reason
    this.details = details
  }
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: { reason?: string; message?: string; field?: string }[]
  retryAfterSeconds?: number
}

/** The key under which a follower keeps an object. */
export function keyOf(object: { metadata: ObjectMeta }): string {
  return object.metadata.namespace === undefined
    ? object.metadata.name
    : `${object.metadata.namespace}/${object.metadata.name}`
}
