import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec } from '../api/objects/pod.ts'
import { isRestarted } from './restarts.ts'

const named = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'host', ...more })
const rule = (operator: 'In' | 'NotIn', ...values: number[]): NonNullable<Container['restartPolicyRules']> => [
  { action: 'Restart', exitCodes: { operator, values } },
]

test("a container's rules come before its policy, and that before the pod's", () => {
  const rows: [string, PodSpec['restartPolicy'], Partial<Container>, restartedAt: number[]][] = [
    ['Always by default', undefined, {}, [0, 1, 42]],
    ['OnFailure', 'OnFailure', {}, [1, 42]],
    ['Never', 'Never', {}, []],
    ['its own policy', 'Never', { restartPolicy: 'OnFailure' }, [1, 42]],
    ['its own Never', 'Always', { restartPolicy: 'Never' }, []],
    ['a rule for one code', 'Always', { restartPolicy: 'Never', restartPolicyRules: rule('In', 42) }, [42]],
    ['a rule for all but one', 'Never', { restartPolicy: 'Never', restartPolicyRules: rule('NotIn', 42) }, [0, 1]],
    ['a rule without values', 'Never', { restartPolicy: 'Never', restartPolicyRules: rule('NotIn') }, [0, 1, 42]],
  ]
  for (const [what, restartPolicy, more, expected] of rows) {
    const container = named('c', more)
    const spec: PodSpec = { containers: [container], ...(restartPolicy && { restartPolicy }) }
    assert.deepEqual(
      [0, 1, 42].filter((code) => isRestarted(spec, container, code)),
      expected,
      what,
    )
  }
})

test('an init container that succeeded is done, a sidecar is not', () => {
  const [init, sidecar] = [named('i'), named('s', { restartPolicy: 'Always' })]
  const spec: PodSpec = { containers: [named('c')], initContainers: [init, sidecar] }
  assert.deepEqual(
    [isRestarted(spec, init, 0), isRestarted(spec, init, 1), isRestarted(spec, sidecar, 0)],
    [false, true, true],
  )
  assert.equal(isRestarted({ ...spec, restartPolicy: 'Never' }, init, 1), false)
})
