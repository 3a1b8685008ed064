import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enacted } from './enacted.ts'

const resources = {
  limits: { cpu: '1', memory: '64Mi', 'ephemeral-storage': '1Gi' },
  requests: { cpu: '250m', memory: '32Mi', 'ephemeral-storage': '1Gi' },
}

test('a container tells what it was promised, and what it is held to', () => {
  assert.deepEqual(enacted({ resources }, {}), {
    allocatedResources: resources.requests,
    resources: { limits: { cpu: '1', memory: '64Mi' }, requests: resources.requests },
  })
})

test('what no control group holds is not told to be in force', () => {
  const why = 'not for you'
  const { requests } = resources
  const { cpu: _, ...others } = requests
  const tells = (missing: Parameters<typeof enacted>[1]): unknown => enacted({ resources }, missing).resources
  assert.deepEqual(tells({ cpu: why }), { limits: { memory: '64Mi' }, requests: others })
  assert.deepEqual(tells({ memory: why }), { limits: { cpu: '1' }, requests })
  assert.deepEqual(tells({ cpu: why, memory: why }), { requests: others })
})

test('who asks for nothing has an empty answer, as from kubelet', () => {
  for (const given of [undefined, {}, { limits: {}, requests: {} }])
    assert.deepEqual(enacted({ ...(given && { resources: given }) }, {}), { resources: {} })
})
