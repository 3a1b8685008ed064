import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { after, before, test } from 'node:test'
import type { Container, Pod } from '../../src/api/objects/pod.ts'
import { serveRegistry } from '../../src/image/testing/registry.ts'
import { tar } from '../../src/image/testing/tar.ts'
import { file, files, programs } from './machine-image.ts'
import { type ImageNode, makeImageNode } from './pod-image-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: ImageNode
before(async () => {
  leaveForOwnNetwork()
  world = await makeImageNode()
})
after(() => world[Symbol.asyncDispose]())

/** Nobody listens there. */
const nowhere = '127.0.0.1:9/test'
const waitingOf = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting

async function waiting(name: string, reason: string): Promise<string> {
  const pod = await world.node.until(name, reason, (one) => waitingOf(one)?.reason === reason)
  return waitingOf(pod)?.message ?? ''
}

async function run(name: string, image: string, container: Partial<Container> = {}): Promise<void> {
  await world.node.run(name, { image, command: ['sleep', '1000'], ...container })
}

test('an image that cannot be fetched is asked for less and less often, in the words that people know', async () => {
  const image = `${nowhere}/missing:v1`
  await run('missing', image)
  const remedy =
    /127\.0\.0\.1:9 cannot be reached: .*\. The nodes of a lab reach only what is in the lab\. `kubehop image pull 127\S+` fetches it for them, `kubehop image load FILE` brings it in from a file, such as `docker save 127\.0\.0\.1:9\/test\/missing:v1 -o FILE`/
  assert.match(await waiting('missing', 'ErrImagePull'), remedy)
  assert.match(
    await waiting('missing', 'ImagePullBackOff'),
    /^Back-off pulling image "127.*": ErrImagePull: .*kubehop image load/,
  )
  // The second try, with 200 ms between the first two here: until it has failed, too, the reason of the first stays to be read.
  const reasons = new Set<string | undefined>()
  await world.node.until('missing', 'ErrImagePull', (one) => {
    reasons.add(waitingOf(one)?.reason)
    return waitingOf(one)?.reason === 'ErrImagePull'
  })
  assert.ok(!reasons.has('ContainerCreating'), [...reasons].join(', '))
  const events = await world.node.events('missing')
  for (const event of [
    `Normal Pulling: Pulling image "${image}"`,
    'Warning Failed: Error: ErrImagePull',
    `Normal BackOff: Back-off pulling image "${image}"`,
    'Warning Failed: Error: ImagePullBackOff',
  ])
    assert.ok(events.includes(event), `${event} is not among\n${events.join('\n')}`)
  assert.ok(events.some((one) => one.startsWith(`Warning Failed: Failed to pull image "${image}": `)))
  await world.node.delete('missing')
})

test('an image that is loaded while a pod waits for it starts it', async () => {
  for (const imagePullPolicy of ['IfNotPresent', 'Never']) {
    const name = `late-${imagePullPolicy.toLowerCase()}`
    const image = `${nowhere}/${name}:v1`
    // Not even the store is there the first time.
    await run(name, image, { imagePullPolicy })
    await waiting(name, imagePullPolicy === 'Never' ? 'ErrImageNeverPull' : 'ImagePullBackOff')
    await world.image({}, [], image)
    await world.node.ready(name)
    assert.ok(
      (await world.node.events(name)).includes(
        `Normal Pulled: Container image "${image}" already present on machine and can be accessed by the pod`,
      ),
    )
    await world.node.delete(name)
  }
})

test('with the policy Never nothing is fetched', async () => {
  const image = `${nowhere}/never:v1`
  await run('never', image, { imagePullPolicy: 'Never' })
  const say = await waiting('never', 'ErrImageNeverPull')
  assert.match(
    say,
    /^Container image "127.*" is not present with pull policy of Never\. `kubehop image pull .*`kubehop image load FILE`/,
  )
  const events = await world.node.events('never')
  assert.deepEqual(
    events.filter((one) => !one.includes('Scheduled')),
    [
      // describe shows events, and no message of what waits.
      `Warning ErrImageNeverPull: ${say}`,
      'Warning Failed: Error: ErrImageNeverPull',
    ],
  )
  await world.node.delete('never')
})

test('with the policy Always an image that is here is asked for all the same, and the refusal says so', async () => {
  const image = await world.image({}, [], `${nowhere}/always:latest`)
  await run('always', image)
  assert.match(
    await waiting('always', 'ErrImagePull'),
    /The image is on this machine, but imagePullPolicy Always .* set imagePullPolicy: IfNotPresent/,
  )
  await world.node.delete('always')
})

test('a name that is none is refused', async () => {
  await run('bad-name', 'Web::')
  assert.match(
    await waiting('bad-name', 'InvalidImageName'),
    /^Failed to apply default image tag "Web::": couldn't parse image name "Web::": invalid reference format$/,
  )
  assert.ok((await world.node.events('bad-name')).includes('Warning Failed: Error: InvalidImageName'))
  await world.node.delete('bad-name')
})

const base = tar([...files, ...programs()])

test('an image is fetched once for all pods that wait for it, and told with its size and its digest', async (t) => {
  const registry = await serveRegistry(t)
  const { digest, blobs } = registry.push('team/web:v1', [base, tar([file('own', 'pulled')])], {
    config: { Cmd: ['sleep', '1000'] },
  })
  const image = `${registry.host}/team/web:v1`
  const names = ['p0', 'p1', 'p2', 'p3']
  for (const name of names) await world.node.run(name, { image })
  for (const name of names) {
    const pod = await world.node.ready(name)
    assert.equal((await world.node.exec(name, ['cat', '/own'])).out, 'pulled')
    const { image: full, imageID } = pod.status?.containerStatuses?.[0] ?? {}
    assert.deepEqual([full, imageID], [image, `${registry.host}/team/web@${digest}`])
    const events = (await world.node.events(name)).join('\n')
    assert.ok(events.includes(`Normal Pulling: Pulling image "${image}"`), events)
    assert.match(
      events,
      /Normal Pulled: Successfully pulled image "\S+" in \S+ \(\S+ including waiting\)\. Image size: \d{6,} bytes\./,
    )
    assert.doesNotMatch(events, /already present/)
  }
  assert.equal(registry.times(blobs[1] ?? ''), 1)
  assert.equal(registry.asked.filter(({ path }) => path.endsWith('/manifests/v1')).length, 1)
  for (const name of names) await world.node.delete(name)
})

test('with the policy Always each start asks the registry, and takes what is new', async (t) => {
  const registry = await serveRegistry(t)
  const version = (text: string): void => void registry.push('team/app:latest', [base, tar([file('version', text)])])
  version('one')
  const image = `${registry.host}/team/app:latest`
  await run('app', image)
  await world.node.ready('app')
  const now = async (): Promise<string> => (await world.node.exec('app', ['cat', '/version'])).out
  assert.equal(await now(), 'one')
  version('two')
  process.kill(world.node.pods.list().find(({ name }) => name === 'app')?.containers[0]?.pid ?? 0, 'SIGKILL')
  await world.node.until('app', 'back', (pod) => {
    const one = pod?.status?.containerStatuses?.[0]
    return one?.restartCount === 1 && one.ready
  })
  assert.equal(await now(), 'two')
  await world.node.delete('app')
})

test("credentials come from the pod's secrets or its account's, and one that is not there is told", async (t) => {
  const registry = await serveRegistry(t, { auth: { kind: 'basic', users: ['me:secret'] } })
  registry.push('team/private:v1', [base])
  const image = `${registry.host}/team/private:v1`
  const { client } = world.node
  const auths = { [registry.host]: { auth: Buffer.from('me:secret').toString('base64') } }
  await client.create('Secret', {
    metadata: { name: 'registry', namespace: 'default' },
    type: 'kubernetes.io/dockerconfigjson',
    stringData: { '.dockerconfigjson': JSON.stringify({ auths }) },
  })
  await world.node.run('stranger', { image, command: ['sleep', '1000'] }, { imagePullSecrets: [{ name: 'absent' }] })
  assert.match(await waiting('stranger', 'ErrImagePull'), /does not give .* to who asks so \(401/)
  assert.ok(
    (await world.node.events('stranger')).includes(
      'Warning FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets (absent); attempting to pull the image may not succeed.',
    ),
  )
  await world.node.delete('stranger')
  await world.node.run('friend', { image, command: ['sleep', '1000'] }, { imagePullSecrets: [{ name: 'registry' }] })
  await world.node.ready('friend')
  await world.node.delete('friend')
  await world.store.remove(image)
  await client.create('ServiceAccount', {
    metadata: { name: 'puller', namespace: 'default' },
    imagePullSecrets: [{ name: 'registry' }],
  })
  await world.node.run('account', { image, command: ['sleep', '1000'] }, { serviceAccountName: 'puller' })
  await world.node.ready('account')
  await world.node.delete('account')
})

test('a registry that does not answer holds up nobody else, and is let go when nobody waits', async (t) => {
  const registry = await serveRegistry(t)
  registry.push('team/slow:v1', [base])
  const { promise: asked, resolve: ask } = Promise.withResolvers<IncomingMessage>()
  registry.intercept = (request, _, path) => {
    if (path.includes('/blobs/')) ask(request)
    return path.includes('/blobs/')
  }
  const image = `${registry.host}/team/slow:v1`
  for (const name of ['slow', 'slower']) await run(name, image)
  const request = await asked
  const other = await world.image()
  await run('quick', other)
  await world.node.ready('quick')
  await world.node.delete('quick')
  await world.node.delete('slow')
  assert.equal(request.socket.destroyed, false)
  const closed = once(request.socket, 'close')
  await world.node.delete('slower')
  await closed
})

test('an image that is loaded while it is fetched starts the pod at once', async (t) => {
  const registry = await serveRegistry(t)
  registry.push('team/stuck:v1', [base])
  const { promise: asked, resolve: ask } = Promise.withResolvers<IncomingMessage>()
  registry.intercept = (request) => {
    ask(request)
    return true
  }
  const image = `${registry.host}/team/stuck:v1`
  await run('stuck', image)
  const request = await asked
  const closed = once(request.socket, 'close')
  await world.image({}, [], image)
  await world.node.ready('stuck')
  await closed
  await world.node.delete('stuck')
})
