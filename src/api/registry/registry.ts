import { cidr, type Cidr } from '../../base/address.ts'
import type { DeleteOptions, ListOptions } from '../client/client.ts'
import {
  alreadyExists,
  badRequest,
  conflict,
  type Fault,
  forbidden,
  invalid,
  modifiedMeanwhile,
  notFound,
} from '../errors.ts'
import { type AnyObject, clone, equal } from '../json.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import { apiVersionOf, type Resource, resources } from '../resources.ts'
import { selectorOf } from '../select/select.ts'
import type { Store } from '../store/store.ts'
import { serviceAllocator } from './allocator.ts'
import { nextOnDelete } from './deletion.ts'
import { strategyOf } from './kinds.ts'
import { born, carriedOver, checkMeta, checkMetaUpdate, tidy, withStatus } from './meta.ts'
import type { AnyStrategy, Part, World } from './strategy.ts'

export interface RegistryOptions {
  store: Store
  /** Where services get their addresses. */
  serviceCidr: Cidr | string
  now?: () => Date
  /** What else a new object must be, by its kind, where whoever runs the server knows more of it. Asked of valid ones only. */
  admit?: Admission
}

export type Admission = { readonly [K in KindName]?: (object: Kinds[K]) => Fault[] }

export interface WriteOptions {
  /** Everything is checked and answered, nothing is stored. */
  dryRun?: boolean
}

export type Subresource = 'status' | Part | undefined

/**
 * The verbs on objects of every kind, as kube-apiserver performs them: defaults, admission, validation, allocation,
 * optimistic concurrency. Everything is synchronous, so each call is one step that no other call can come between.
 * What goes in belongs to the registry afterwards; what comes out is frozen and shared.
 */
export class Registry {
  readonly store: Store
  readonly #world: World
  readonly #now: () => Date
  readonly #admit: Admission

  constructor(options: RegistryOptions) {
    this.store = options.store
    this.#admit = options.admit ?? {}
    this.#now = options.now ?? (() => new Date())
    const range = typeof options.serviceCidr === 'string' ? cidr(options.serviceCidr) : options.serviceCidr
    this.#world = {
      get: <K extends KindName>(kind: K, name: string, namespace?: string) =>
        this.store.get(kind, keyFor(resources[kind], name, namespace)) as Kinds[K] | undefined,
      resource: (kind) => resources[kind],
      services: serviceAllocator(this.store, range),
    }
  }

  find(resource: Resource, name: string, namespace?: string): AnyObject | undefined {
    return this.store.get(resource.kind, keyFor(resource, name, namespace))
  }

  /** Throws NotFound. */
  get(resource: Resource, name: string, namespace?: string): AnyObject {
    const object = this.find(resource, name, namespace)
    if (object === undefined) throw notFound(resource, name)
    return object
  }

  list(resource: Resource, options: ListOptions = {}): AnyObject[] {
    const all = this.store.list(resource.kind)
    const selects = selectorOf(resource, options)
    return selects === undefined ? all : all.filter(selects)
  }

  create(resource: Resource, object: AnyObject, namespace?: string, options: WriteOptions = {}): AnyObject {
    const strategy = strategyOf(resource.kind)
    this.#place(resource, object, namespace)
    if (object.metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created')
    this.#checkNamespace(resource, object)
    strategy.prepareCreate?.(object, this.#world)
    // A generated name may be taken: another is tried, as upstream does.
    for (let attempt = 0; ; attempt++) {
      const generated = !object.metadata.name && object.metadata.generateName
      born(object, strategy, this.#now())
      if (!this.find(resource, object.metadata.name, object.metadata.namespace)) break
      if (!generated || attempt >= 8) throw alreadyExists(resource, object.metadata.name)
      object.metadata.name = ''
    }
    strategy.defaults?.(object)
    tidy(object)
    const faults = [
      ...checkMeta(object, resource, strategy),
      ...(strategy.validate?.(object) ?? []),
      ...(strategy.validateCreate?.(object) ?? []),
    ]
    const admit = this.#admit[resource.kind] as ((object: AnyObject) => Fault[]) | undefined
    if (faults.length === 0 && admit) faults.push(...admit(object))
    return this.#commit(resource, object, undefined, this.#take(strategy, object, undefined, faults), options)
  }

  /** Replaces an object (but for its status, when that has a subresource of its own) or only its status. */
  update(resource: Resource, object: AnyObject, subresource?: Subresource, options: WriteOptions = {}): AnyObject {
    this.#place(resource, object, object.metadata?.namespace)
    const { name, namespace, uid, resourceVersion } = object.metadata
    const old = this.get(resource, name, namespace)
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion)
      throw conflict(resource, name, modifiedMeanwhile)
    if (uid && uid !== old.metadata.uid)
      throw conflict(
        resource,
        name,
        `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
      )
    return this.#replace(resource, object, old, subresource, options)
  }

  /** Runs `change` on a copy of the object and stores what comes out. */
  patch(
    resource: Resource,
    name: string,
    namespace: string | undefined,
    change: (object: AnyObject) => AnyObject,
    subresource?: Subresource,
    options: WriteOptions = {},
  ): AnyObject {
    const old = this.get(resource, name, namespace)
    const object = change(clone(old))
    if (object.metadata?.name !== name || (resource.namespaced && object.metadata.namespace !== namespace))
      throw badRequest('a patch may not change metadata.name or metadata.namespace')
    return this.update(resource, object, subresource, options)
  }

  /** Deletes or, when something must happen first (grace, finalizers), notes the wish. `gone` tells which. */
  delete(
    resource: Resource,
    name: string,
    namespace?: string,
    asked: DeleteOptions & { resourceVersion?: string } & WriteOptions = {},
  ): { object: AnyObject; gone: boolean } {
    const old = this.get(resource, name, namespace)
    if (asked.uid !== undefined && asked.uid !== old.metadata.uid)
      throw conflict(
        resource,
        name,
        `Precondition failed: UID in precondition: ${asked.uid}, UID in object meta: ${old.metadata.uid}`,
      )
    if (asked.resourceVersion !== undefined && asked.resourceVersion !== old.metadata.resourceVersion)
      throw conflict(resource, name, modifiedMeanwhile)
    if (resource.kind === 'Namespace' && protectedNamespaces.has(name))
      throw forbidden(resource, name, 'this namespace may not be deleted')
    const next = nextOnDelete(resource, old, asked, this.#now())
    if (asked.dryRun) return { object: next ?? old, gone: next === undefined }
    if (next === undefined) return { object: this.store.remove(resource.kind, old), gone: true }
    return { object: equal(next, old) ? old : this.store.put(resource.kind, next), gone: false }
  }

  /** pods/binding: the only way that a pod gets its node. */
  bind(name: string, namespace: string, node: string, annotations: Record<string, string> = {}): AnyObject {
    const resource = resources.Pod
    const old = this.get(resource, name, namespace) as unknown as Kinds['Pod']
    if (old.metadata.deletionTimestamp !== undefined)
      throw conflict(resource, name, `pod ${name} is being deleted, cannot be assigned to a host`)
    if (old.spec.nodeName)
      throw conflict(resource, name, `pod ${name} is already assigned to node "${old.spec.nodeName}"`)
    if ((old.spec.schedulingGates ?? []).length > 0)
      throw conflict(resource, name, `pod ${name} has non-empty .spec.schedulingGates`)
    const pod = clone(old)
    pod.spec.nodeName = node
    if (Object.keys(annotations).length > 0) pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations }
    const scheduled = {
      type: 'PodScheduled',
      status: 'True',
      lastTransitionTime: this.#now().toISOString().replace(/\.\d+/, ''),
    } as const
    pod.status = {
      ...pod.status,
      conditions: [...(pod.status?.conditions ?? []).filter((one) => one.type !== 'PodScheduled'), scheduled],
    }
    return this.store.put('Pod', pod as unknown as AnyObject)
  }

  #replace(
    resource: Resource,
    object: AnyObject,
    old: AnyObject,
    subresource: Subresource,
    options: WriteOptions,
  ): AnyObject {
    const strategy = strategyOf(resource.kind)
    if (subresource === 'status') {
      const next = withStatus(old, object)
      strategy.statusDefaults?.(next)
      tidy(next)
      const faults = [...checkMeta(next, resource, strategy), ...(strategy.validateStatus?.(next, old) ?? [])]
      return this.#commit(resource, next, old, faults, options)
    }
    if (subresource !== undefined) return this.#replacePart(resource, object, old, subresource, options)
    if (resource.status) {
      if (old['status'] === undefined) delete object['status']
      else object['status'] = old['status']
    }
    carriedOver(object, old)
    strategy.prepareUpdate?.(object, old, this.#world)
    strategy.defaults?.(object)
    tidy(object)
    const faults = [
      ...checkMeta(object, resource, strategy),
      ...checkMetaUpdate(object, old),
      ...(strategy.validate?.(object) ?? []),
      ...(strategy.validateUpdate?.(object, old) ?? []),
    ]
    if (strategy.generation && !equal(wish(object), wish(old)))
      object.metadata.generation = (old.metadata.generation ?? 1) + 1
    return this.#commit(resource, object, old, this.#take(strategy, object, old, faults), options)
  }

  #replacePart(resource: Resource, object: AnyObject, old: AnyObject, name: Part, options: WriteOptions): AnyObject {
    const strategy = strategyOf(resource.kind)
    const part = strategy.parts?.[name]
    if (!part) throw badRequest(`a ${resource.kind} has no ${name}`)
    const next = clone(old)
    part.take(next, object)
    strategy.defaults?.(next)
    if (strategy.generation && !equal(wish(next), wish(old)))
      next.metadata.generation = (old.metadata.generation ?? 1) + 1
    const faults = [...(strategy.validate?.(next) ?? []), ...part.validate(next, old)]
    return this.#commit(resource, next, old, faults, options)
  }

  /** What is scarce is taken for objects that have no other faults. */
  #take(strategy: AnyStrategy, object: AnyObject, old: AnyObject | undefined, faults: Fault[]): Fault[] {
    return faults.length > 0 ? faults : (strategy.allocate?.(object, old, this.#world) ?? [])
  }

  #commit(
    resource: Resource,
    object: AnyObject,
    old: AnyObject | undefined,
    faults: Fault[],
    options: WriteOptions,
  ): AnyObject {
    if (faults.length > 0) throw invalid(resource, object.metadata.name ?? '', faults)
    if (old !== undefined) {
      if (equal(object, old)) return old
      // The last finalizer of an object that is being deleted has gone: so does the object.
      if (finished(object)) return options.dryRun ? object : this.store.remove(resource.kind, object)
    }
    return options.dryRun ? object : this.store.put(resource.kind, object)
  }

  /** Fills and checks apiVersion, kind and namespace. */
  #place(resource: Resource, object: AnyObject, namespace: string | undefined): void {
    const version = apiVersionOf(resource)
    object.apiVersion ??= version
    object.kind ??= resource.kind
    if (object.kind !== resource.kind || object.apiVersion !== version)
      throw badRequest(
        `the object provided is a ${object.apiVersion} ${object.kind}, this resource takes ${version} ${resource.kind}`,
      )
    object.metadata ??= { name: '' }
    if (!resource.namespaced) {
      if (object.metadata.namespace) throw badRequest(`a ${resource.kind} has no namespace`)
      delete object.metadata.namespace
      return
    }
    if (namespace !== undefined && object.metadata.namespace && object.metadata.namespace !== namespace)
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
    object.metadata.namespace = object.metadata.namespace || namespace || 'default'
  }

  #checkNamespace(resource: Resource, object: AnyObject): void {
    if (!resource.namespaced) return
    const name = object.metadata.namespace ?? ''
    const namespace = this.#world.get('Namespace', name)
    if (namespace === undefined) throw notFound(resources.Namespace, name)
    if (namespace.metadata.deletionTimestamp !== undefined)
      throw forbidden(
        resource,
        object.metadata.name ?? '',
        `unable to create new content in namespace ${name} because it is being terminated`,
      )
  }
}

/** The faults that a new object has by itself, whatever else is in the cluster. Fills its defaults on the way. */
export function checkAlone(resource: Resource, object: AnyObject): Fault[] {
  const strategy = strategyOf(resource.kind)
  strategy.defaults?.(object)
  const named = object.metadata.name || !object.metadata.generateName
  const faults = named ? checkMeta(object, resource, strategy) : []
  return [...faults, ...(strategy.validate?.(object) ?? [])]
}

const protectedNamespaces = new Set(['default', 'kube-system', 'kube-public', 'kube-node-lease'])

export function keyFor(resource: Resource, name: string, namespace: string | undefined): string {
  return resource.namespaced ? `${namespace ?? 'default'}/${name}` : name
}

/** Everything that a generation counts. */
function wish(object: AnyObject): Record<string, unknown> {
  const { metadata: _metadata, status: _status, ...rest } = object
  return rest
}

/** Asked to be deleted and held by nothing any more. */
function finished(object: AnyObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return false
  const spec = object['spec'] as { finalizers?: string[] } | undefined
  return object.kind !== 'Namespace' || !spec?.finalizers?.length
}
