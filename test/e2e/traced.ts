// What tests of traces in a whole lab have in common.
import assert from 'node:assert/strict'
import type { Trace } from '../../src/trace/types.ts'
import type { TestLab } from './harness.ts'

/** `kubehop trace FROM TO ... -o json`, and how it ended. */
export async function traced(
  lab: TestLab,
  from: string,
  to: string,
  ...more: string[]
): Promise<{ trace: Trace; code: number }> {
  const { code, out, err } = await lab.kubehop('trace', from, to, '-o', 'json', ...more)
  assert.ok(out.startsWith('{'), `${out}\n${err}`)
  return { trace: JSON.parse(out) as Trace, code }
}

/** Merges this into a service; `more` is for kubectl. */
export async function patchService(lab: TestLab, name: string, what: object, ...more: string[]): Promise<void> {
  const words = ['patch', 'service', name, '--type=merge', '-p', JSON.stringify(what), ...more]
  const { code, err } = await lab.kubectl(...words)
  assert.equal(code, 0, err)
}
