import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './14-headless.ts'
import { service, slice, view } from './testing.ts'

test('only headless services whose port is not their pods’ are told, and that for information', () => {
  const headless = (targetPort: number | string | undefined) =>
    service('web', { clusterIP: 'None', ports: [{ port: 80, ...(targetPort !== undefined && { targetPort }) }] })
  const rows: [string, ReturnType<typeof headless>, number][] = [
    ['another number', headless(8080), 1],
    ['the same number', headless(80), 0],
    ['none, which is the same', headless(undefined), 0],
    ['a name for another number', headless('http'), 1],
    ['with an address of its own', service('web'), 0],
  ]
  for (const [title, one, count] of rows) {
    const found = check.find(view({ cluster: { services: [one], slices: [slice('web', ['100.96.1.2'])] } }))
    assert.equal(found.length, count, title)
    assert.ok(
      found.every(({ level }) => level === 'info'),
      title,
    )
  }
  const [one] = check.find(view({ cluster: { services: [headless(8080)] } }))
  assert.deepEqual(one?.patch?.body, [
    { op: 'test', path: '/spec/ports/0/port', value: 80 },
    { op: 'replace', path: '/spec/ports/0/port', value: 8080 },
  ])
})
