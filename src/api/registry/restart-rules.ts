import { type Fault, fault } from '../errors.ts'
import type { Container } from '../objects/pod.ts'
import { oneOf } from './checks.ts'

const mostRules = 20
const mostValues = 255

/** A container's own restart policy and its rules (KEP-5307; k8s.io/kubernetes/pkg/apis/core/validation). */
export function validateRestarts(path: string, { restartPolicy, restartPolicyRules = [] }: Container): Fault[] {
  const faults = oneOf(`${path}.restartPolicy`, restartPolicy, ['Always', 'Never', 'OnFailure'])
  const rules = `${path}.restartPolicyRules`
  if (restartPolicyRules.length > 0 && restartPolicy === undefined)
    faults.push(fault.required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'))
  if (restartPolicyRules.length > mostRules)
    faults.push(fault.invalid(rules, restartPolicyRules.length, `must have at most ${mostRules} items`))
  for (const [at, { action, exitCodes }] of restartPolicyRules.entries()) {
    const here = `${rules}[${at}]`
    faults.push(...oneOf(`${here}.action`, action, ['Restart']))
    if (!exitCodes) {
      faults.push(fault.required(`${here}.exitCodes`, 'must be specified'))
      continue
    }
    faults.push(...oneOf(`${here}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn']))
    const { values = [] } = exitCodes
    if (values.length === 0 || values.length > mostValues)
      faults.push(fault.invalid(`${here}.exitCodes.values`, values, `must have 1 to ${mostValues} items`))
  }
  return faults
}
