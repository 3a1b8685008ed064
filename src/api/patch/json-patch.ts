import { badRequest } from '../errors.ts'
import { clone, equal, isRecord, set } from '../json.ts'

/** One step of RFC 6902. */
interface Operation {
  op: string
  path: string
  from?: string
  value?: unknown
}

const operationLimit = 10_000

/** RFC 6902 on `target`, which it changes; returns the outcome (another value when the root is replaced). */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations')
  if (patch.length > operationLimit)
    throw badRequest(`a JSON patch may have ${operationLimit} operations at most, this has ${patch.length}`)
  let outcome = target
  for (const [at, operation] of patch.entries()) {
    try {
      outcome = perform(outcome, operation as Operation)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      throw badRequest(`operation ${at} of the JSON patch: ${error.message}`)
    }
  }
  return outcome
}

class Refused extends Error {}

function perform(root: unknown, operation: Operation): unknown {
  if (!isRecord(operation) || typeof operation.path !== 'string') throw new Refused('it needs op and path')
  const path = pointer(operation.path)
  switch (operation.op) {
    case 'add':
      return add(root, path, present(operation))
    case 'remove':
      return remove(root, path)
    case 'replace':
      if (path.length > 0) remove(root, path)
      return add(root, path, present(operation))
    case 'copy':
      return add(root, path, clone(read(root, source(operation))))
    case 'move': {
      const from = source(operation)
      if (from.every((step, at) => step === path[at]) && path.length > from.length)
        throw new Refused('a value cannot move into itself')
      const value = read(root, from)
      return add(remove(root, from), path, value)
    }
    case 'test':
      if (!equal(read(root, path), operation.value))
        throw new Refused(`test failed: ${operation.path} has another value`)
      return root
    default:
      throw new Refused(`there is no operation "${operation.op}"`)
  }
}

function present(operation: Operation): unknown {
  if (operation.value === undefined) throw new Refused(`${operation.op} needs a value`)
  return operation.value
}

function source(operation: Operation): string[] {
  if (typeof operation.from !== 'string') throw new Refused(`${operation.op} needs from`)
  return pointer(operation.from)
}

/** RFC 6901. */
function pointer(text: string): string[] {
  if (text === '') return []
  if (!text.startsWith('/')) throw new Refused(`"${text}" is no JSON pointer: it starts with /`)
  return text
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function read(root: unknown, path: string[]): unknown {
  let value = root
  for (const [depth, step] of path.entries()) {
    if (Array.isArray(value)) value = value[index(step, value.length - 1)]
    else if (isRecord(value) && Object.hasOwn(value, step)) value = value[step]
    else throw new Refused(`nothing is at /${path.slice(0, depth + 1).join('/')}`)
  }
  return value
}

function add(root: unknown, path: string[], value: unknown): unknown {
  const last = path.at(-1)
  if (last === undefined) return value
  const parent = read(root, path.slice(0, -1))
  if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : index(last, parent.length), 0, value)
  else if (isRecord(parent)) set(parent, last, value)
  else throw new Refused(`/${path.slice(0, -1).join('/')} holds no list and no object`)
  return root
}

function remove(root: unknown, path: string[]): unknown {
  read(root, path)
  const last = path.at(-1)
  if (last === undefined) throw new Refused('the whole object cannot be removed')
  const parent = read(root, path.slice(0, -1))
  if (Array.isArray(parent)) parent.splice(index(last, parent.length - 1), 1)
  else delete (parent as Record<string, unknown>)[last]
  return root
}

function index(step: string, last: number): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(step) || Number(step) > last)
    throw new Refused(`"${step}" is no place in a list of ${last + 1}`)
  return Number(step)
}
