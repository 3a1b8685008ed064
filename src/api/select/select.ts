import type { ListOptions } from '../client/client.ts'
import { badRequest } from '../errors.ts'
import type { AnyObject } from '../json.ts'
import type { Resource } from '../resources.ts'
import { parseFieldSelector } from './fields.ts'
import { parseLabelSelector } from './labels.ts'

/** One test for namespace, labels and fields together; undefined when everything is selected. Throws BadRequest. */
export function selectorOf(resource: Resource, options: ListOptions): ((object: AnyObject) => boolean) | undefined {
  const tests: ((object: AnyObject) => boolean)[] = []
  const { namespace } = options
  if (namespace !== undefined && resource.namespaced) tests.push((object) => object.metadata.namespace === namespace)
  try {
    if (options.labelSelector) {
      const matches = parseLabelSelector(options.labelSelector)
      tests.push((object) => matches(object.metadata.labels))
    }
    if (options.fieldSelector) tests.push(parseFieldSelector(options.fieldSelector, resource.kind))
  } catch (error) {
    if (error instanceof SyntaxError) throw badRequest(error.message)
    throw error
  }
  if (tests.length === 0) return undefined
  return (object) => tests.every((test) => test(object))
}
