import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cluster } from './testing.ts'

test('the service kubernetes stands at the first address of its range, and comes back', async (t) => {
  const { client, until } = await cluster(t, { apiAddress: '192.168.50.2', apiPort: 6443 })
  const [service] = await until('Service', (all) => all.length === 1)
  assert.equal(service?.spec.clusterIP, '100.64.0.1')
  assert.deepEqual(service.spec.ports, [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }])
  const [slice] = await until('EndpointSlice', (all) => all.length === 1)
  assert.deepEqual(slice?.endpoints, [{ addresses: ['192.168.50.2'], conditions: { ready: true } }])
  assert.deepEqual(slice.ports, [{ name: 'https', port: 6443, protocol: 'TCP' }])
  await client.delete('Service', 'kubernetes', 'default')
  await until('Service', ([again]) => again !== undefined && again.metadata.uid !== service.metadata.uid)
  await client.patch('EndpointSlice', 'kubernetes', 'default', { endpoints: [{ addresses: ['10.0.0.1'] }] })
  await until('EndpointSlice', ([one]) => one?.endpoints[0]?.addresses[0] === '192.168.50.2')
})
