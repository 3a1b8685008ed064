// What tests that break a node have in common: requests that are sent in the lab, and changes in a node's own namespace.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Trace } from '../../src/trace/types.ts'
import { run, type TestLab } from './harness.ts'

/** `kubehop trace ... -o json`. */
export async function trace(lab: TestLab, from: string, to: string, ...words: string[]): Promise<Trace> {
  const { out, err } = await lab.kubehop('trace', from, to, ...words, '-o', 'json')
  assert.ok(out.startsWith('{'), err)
  return JSON.parse(out) as Trace
}

/** Of a request that has a second. */
export async function verdict(lab: TestLab, from: string, to: string): Promise<string> {
  return (await trace(lab, from, to, '--timeout', '1')).verdict
}

export async function delivered(lab: TestLab, from: string, to: string): Promise<void> {
  await lab.until(
    `${from} reaches ${to}`,
    () => verdict(lab, from, to),
    (one) => one === 'delivered',
  )
}

/** What is broken is put right again, whatever becomes of the test: the next ones need the node. */
export async function whileBroken(
  lab: TestLab,
  node: string,
  broken: string[],
  whole: string[],
  body: () => Promise<void>,
): Promise<void> {
  await breakNode(lab, node, ...broken)
  try {
    await body()
  } finally {
    await breakNode(lab, node, ...whole)
  }
}

/** break-node.ts in a node's namespaces, which are its agent's. */
export async function breakNode(lab: TestLab, node: string, ...words: string[]): Promise<void> {
  const pid = lab.pidOf(`kubehop node ${node}`)
  assert.ok(pid)
  // A namespace that one is in already cannot be entered.
  const user = readlinkSync('/proc/self/ns/user') === readlinkSync(`/proc/${pid}/ns/user`) ? [] : ['--user']
  const enter = ['--target', String(pid), ...user, '--preserve-credentials', '--net', '--mount']
  const script = resolve('test/e2e/break-node.ts')
  const { code, err } = await run('nsenter', [...enter, process.execPath, script, ...words])
  assert.equal(code, 0, err)
}
