import { AssertionError } from 'node:assert'
import type { Diagnosis } from '../doctor/diagnosis.ts'
import { renderDiagnosis } from '../doctor/render/text.ts'

/** undefined: nothing that the doctor would change. What is for information alone is no illness. */
export function notHealthy(diagnosis: Diagnosis): AssertionError | undefined {
  if (diagnosis.findings.every(({ level }) => level === 'info')) return undefined
  const told = renderDiagnosis(diagnosis, { width: 0, color: false, verbose: false })
  return new AssertionError({
    message: `expected a healthy cluster\n\n${told}`,
    actual: diagnosis.findings.map(({ code }) => code),
    expected: [],
    operator: 'doctor',
  })
}
