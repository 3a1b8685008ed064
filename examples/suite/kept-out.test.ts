import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Lab, UnexpectedTrace } from 'kubehop'

let lab: Lab
before(async () => {
  lab = await Lab.start({ nodes: 2, files: ['examples/shop/shop.yaml'] })
})
after(async () => lab?.down())

test('a port that the service does not have is refused, and the reason is named', async () => {
  await lab.expectUnreachable('client', 'tcp://web:81', { verdict: 'rejected', why: 'NoSuchPort' })
})

test('a name that does not exist leads nowhere', async () => {
  await lab.expectUnreachable('client', 'http://wbe/', { verdict: 'name-not-found' })
})

test('the cluster is healthy, and what makes it ill is named with the change that cures it', async () => {
  await lab.expectHealthy()
  await lab.apply(`
apiVersion: v1
kind: Service
metadata: { name: typo }
spec:
  selector: { app: wbe }
  ports: [{ port: 80 }]
`)
  await assert.rejects(lab.expectHealthy('default'), /service default\/typo[^]*app=web/i)
  const { findings, early } = await lab.doctor({ namespace: 'default' })
  assert.deepEqual(
    [...findings, ...early].map(({ code, object }) => [code, object.name]),
    [['SelectorMatchesNothing', 'typo']],
  )
})

test('an assertion that fails tells the whole story', async () => {
  await assert.rejects(lab.expectReachable('client', 'tcp://web:81'), (error: unknown) => {
    assert.ok(error instanceof UnexpectedTrace)
    assert.match(error.message, /^expected default\/client to reach tcp:\/\/web:81\n/)
    assert.match(error.message, /service default\/web has no port 81: refused/)
    assert.equal(error.trace.verdict, 'rejected')
    return true
  })
})
