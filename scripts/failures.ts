// A reporter for node --test: says nothing but what failed, whole, so that it can be said again after all lanes: of a long run people see the end.
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

export default async function* failures(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.todo !== undefined) continue
    const { error } = data.details
    // A test whose subtests failed, which have been told themselves.
    if ((error as { failureType?: string }).failureType === 'subtestsFailed') continue
    const place = data.file === undefined ? '' : ` (${relative('.', data.file)}:${data.line ?? ''})`
    yield `✖ ${data.name}${place}\n${indented(textOf(error.cause ?? error))}\n`
  }
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '    ')
}

/** An error without the fields of it that repeat its message. */
function textOf(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : inspect(cause)
}
