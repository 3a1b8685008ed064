import type { Because, Why } from '../trace/types.ts'

/** What is wrong, where, how it is known, and what to change. `code`, `level`, `say` and `fix` are what a trace shows as `why`. */
export interface Finding extends Why {
  readonly number: number
  readonly object: ObjectReference
  /** Other objects that it is about: services of the same pods, the pods themselves. */
  readonly also?: readonly ObjectReference[]
  /** True while the object is so young that this may pass by itself: told as what is not finished yet, and in the `why` of a request. */
  readonly early?: boolean
  /** The field to change, in kubectl's manner: `spec.selector.app`; of the patch's object, where there is a patch. */
  readonly field?: string
  /** `certain`: it cannot be otherwise. `likely`: nothing else is known that would look like this. `possible`: worth a look. */
  readonly sure: 'certain' | 'likely' | 'possible'
  /** The facts that it rests on; at least one. */
  readonly evidence: readonly Because[]
  /** A change that puts it right, where one can be given without guessing. */
  readonly patch?: Patch
}

export interface ObjectReference {
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

/** What `kubectl patch KIND NAME --type TYPE -p BODY` takes. */
export interface Patch extends ObjectReference {
  readonly type: 'strategic' | 'merge' | 'json'
  readonly subresource?: 'status' | 'scale'
  readonly body: unknown
}
