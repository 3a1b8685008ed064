// What tests that break a node have in common: requests that are sent in the lab, and changes in a node's own namespace.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Finding } from '../../src/doctor/types.ts'
import type { Trace } from '../../src/trace/types.ts'
import { run, type TestLab } from './harness.ts'
import { traced } from './traced.ts'

export async function trace(lab: TestLab, from: string, to: string, ...words: string[]): Promise<Trace> {
  return (await traced(lab, from, to, ...words)).trace
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

/** break-node.ts in a node's namespaces. */
export async function breakNode(lab: TestLab, node: string, ...words: string[]): Promise<void> {
  await onNode(lab, node, process.execPath, resolve('test/e2e/break-node.ts'), ...words)
}

/** What a finding says is to be done on a node is done as a person does it: its line in a shell outside the lab. Returns what it wrote. */
export async function mend(lab: TestLab, found: Finding | undefined): Promise<string> {
  const { command = '', fix = '', code = '' } = found ?? {}
  const [, node = '', there = ''] = /\bon (\S+): ([^;,)]+)/.exec(fix) ?? []
  assert.ok(command !== '' && command.endsWith(` ${there}`), `${code}: "${fix}", and the line is "${command}"`)
  const has = await run('sh', ['-c', 'command -v conntrack'])
  if (there.startsWith('conntrack ') && has.code !== 0) {
    await breakNode(lab, node, ...there.split(' '))
    return ''
  }
  const done = await run('sh', ['-c', command])
  assert.equal(done.code, 0, `${command}\n${done.err}`)
  return done.out
}

/** A command in a node's namespaces, which are its agent's. Returns what it wrote. */
export async function onNode(lab: TestLab, node: string, ...command: string[]): Promise<string> {
  const pid = lab.pidOf(`kubehop node ${node}`)
  assert.ok(pid)
  // A namespace that one is in already cannot be entered.
  const user = readlinkSync('/proc/self/ns/user') === readlinkSync(`/proc/${pid}/ns/user`) ? [] : ['--user']
  const enter = ['--target', String(pid), ...user, '--preserve-credentials', '--net', '--mount']
  const { code, out, err } = await run('nsenter', [...enter, ...command])
  assert.equal(code, 0, `${command.join(' ')}\n${err}`)
  return out
}
