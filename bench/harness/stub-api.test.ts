import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '../../src/api/client/http.ts'
import { freshService } from '../services/make.ts'
import { StubApi } from './stub-api.ts'

test("the product's client lists what is loaded in pages, and is told of what comes, changes and goes", async () => {
  using api = new StubApi(['Service'])
  const services = Array.from({ length: 1201 }, (_, at) => freshService(at, 1).service)
  api.load(services.slice(0, 1200))
  const client = connect(await api.listen())
  const told: string[] = []
  const arrived = Promise.withResolvers<void>()
  const following = client.follow('Service', {
    onChange({ type, object }) {
      told.push(`${type} ${object.metadata.name}`)
      if (type === 'deleted') arrived.resolve()
    },
  })
  await following.synced
  assert.equal(told.splice(0).length, 1200)
  const [first, last] = [services[0], services[1200]]
  assert.ok(first && last)
  api.put(last)
  api.put({ ...first, metadata: { ...first.metadata, labels: { of: 'the test' } } })
  api.remove(last)
  await arrived.promise
  assert.deepEqual(told, ['added service-1200', 'modified service-0', 'deleted service-1200'])
  assert.equal(following.list().length, 1200)
  client.close()
})
