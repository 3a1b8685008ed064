import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Lab } from 'kubehop'

let lab: Lab
before(async () => {
  lab = await Lab.start({ files: ['examples/shop/shop.yaml'] })
})
after(async () => lab?.down())

test('the shop answers by its service’s name', async () => {
  const trace = await lab.expectReachable('client', 'http://web/')
  assert.equal(trace.status, '200 OK')
  assert.ok(trace.agrees, 'what the objects promise is what the kernel did')
})

test('a request through the service ends in one of its pods, and the client never sees which', async () => {
  const { hops, reply } = await lab.trace('client', 'svc/web')
  const translated = hops.find(({ action }) => action === 'translated')
  assert.match(translated?.say ?? '', /service default\/web: .* becomes /)
  assert.equal(reply.at(-1)?.packet.src, hops[0]?.packet.dst)
})

test('a service that comes later is there at once', async () => {
  await lab.apply(`
apiVersion: v1
kind: Service
metadata: { name: front }
spec:
  selector: { app: web }
  ports: [{ port: 8000, targetPort: 8080 }]
`)
  await lab.expectReachable('client', 'http://front:8000/', { withinMs: 5000 })
})
