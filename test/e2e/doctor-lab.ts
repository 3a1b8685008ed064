// What tests of the doctor in a whole lab have in common: a manifest is applied, the finding is the expected one, its remedy cures.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parseAllDocuments } from 'yaml'
import type { Diagnosis } from '../../src/doctor/diagnosis.ts'
import { commandOf } from '../../src/doctor/render/command.ts'
import type { Finding } from '../../src/doctor/types.ts'
import { run, type TestLab } from './harness.ts'

/** `kubehop doctor ... -o json`. */
export async function diagnose(lab: TestLab, ...words: string[]): Promise<Diagnosis & { code: number }> {
  const { code, out, err } = await lab.kubehop('doctor', ...words, '-o', 'json')
  assert.ok(out.startsWith('{'), `${out}\n${err}`)
  return { ...(JSON.parse(out) as Diagnosis), code }
}

/** Asks until exactly these are found: `NoReadyPod Service/web`. What a probe or a node says takes a moment. */
export async function finds(lab: TestLab, words: readonly string[], expected: readonly string[]): Promise<Diagnosis> {
  let last: Diagnosis | undefined
  const ask = async (): Promise<string[]> => {
    last = await diagnose(lab, ...words)
    return namesOf(last.findings)
  }
  await lab.until(
    `doctor ${words.join(' ')}`,
    ask,
    (names) => JSON.stringify(names) === JSON.stringify([...expected].sort()),
  )
  assert.ok(last)
  return last
}

/** Who said no, or nothing, is told of every request that fails (mistake 21): here it is the others that count. */
export function namesOf(findings: readonly Finding[]): string[] {
  const others = findings.filter(({ number, level }) => number !== 21 || level !== 'info')
  return others.map(({ code, object: { kind, name } }) => `${code} ${kind}/${name}`).sort()
}

/** `kubectl apply`, and then everything that becomes ready is. */
export async function apply(lab: TestLab, file: string, ready = true): Promise<void> {
  const applied = await lab.kubectl('apply', '-f', file)
  assert.equal(applied.code, 0, applied.err)
  if (!ready) return
  const objects = parseAllDocuments(readFileSync(file, 'utf8')).map(
    (document) => document.toJS() as { kind: string; metadata: { name: string; namespace?: string } },
  )
  for (const { kind, metadata } of objects.filter((one) => one.kind === 'Deployment' || one.kind === 'Pod')) {
    const condition = kind === 'Pod' ? 'Ready' : 'Available'
    const words = [
      'wait',
      '-n',
      metadata.namespace ?? 'default',
      `${kind}/${metadata.name}`,
      `--for=condition=${condition}`,
    ]
    const { code, err } = await lab.kubectl(...words, '--timeout=60s')
    assert.equal(code, 0, err)
  }
}

/** The command that the finding prints, in a shell, as a person pastes it. */
export async function cure(lab: TestLab, { patch, code }: Finding): Promise<void> {
  assert.ok(patch, `${code} has no patch`)
  await shell(lab, commandOf(patch))
}

/** Returns what it wrote. */
export async function shell(lab: TestLab, line: string): Promise<string> {
  assert.match(line, /^kubectl /)
  const kubeconfig = (await lab.kubehop('kubeconfig', lab.name)).out.trim()
  const kubectl = process.env['KUBECTL'] ?? 'kubectl'
  const { code, out, err } = await run('sh', ['-c', line.replace(/^kubectl /, `${kubectl} `)], {
    KUBECONFIG: kubeconfig,
  })
  assert.equal(code, 0, `${line}\n${out}\n${err}`)
  return out
}

/** A namespace's pods would only take time from the tests after it. */
export async function remove(lab: TestLab, file: string): Promise<void> {
  const { code, err } = await lab.kubectl('delete', '-f', file, '--wait=false', '--ignore-not-found')
  assert.equal(code, 0, err)
}
