import type { AnyObject } from '../json.ts'
import type { Resource } from '../resources.ts'
export function decodeStrictly(_resource: Resource, object: unknown): AnyObject {
  return object as AnyObject
}
