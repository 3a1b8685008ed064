import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Container, PodSpec } from '../../src/api/objects/pod.ts'
import { readIdMap } from '../../src/pod/container/identity.ts'
import { directory, link, programs } from './machine-image.ts'
import { type ImageNode, makeImageNode } from './pod-image-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: ImageNode
before(async () => {
  leaveForOwnNetwork()
  world = await makeImageNode()
})
after(() => world[Symbol.asyncDispose]())

/** An ordinary user's cluster has nobody but root. */
const others = readIdMap().user(1000) ? {} : { skip: 'only user 0 exists here' }

async function who(
  name: string,
  image: string,
  container: Partial<Container> = {},
  spec: Partial<PodSpec> = {},
): Promise<string> {
  const command = ['sh', '-c', 'id; echo $HOME']
  await world.node.run(name, { image, command, ...container }, { restartPolicy: 'Never', ...spec })
  const out = await world.node.output(name)
  await world.node.delete(name)
  return out
}

async function refusal(name: string, image: string, container: Partial<Container> = {}): Promise<string> {
  await world.node.run(name, { image, command: ['true'], ...container })
  const pod = await world.node.until(
    name,
    'refused',
    (one) => one?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
  )
  await world.node.delete(name)
  return pod?.status?.containerStatuses?.[0]?.state?.waiting?.message ?? ''
}

test("USER is looked up in the image's own files, with its groups and home", others, async () => {
  const web = await world.image({ User: 'web' })
  const groups = 'uid=1000(web) gid=1001(web) groups=1001(web),1002(extra)'
  assert.equal(await who('by-name', web), `${groups}\n/home/web\n`)
  const number = await world.image({ User: '1000:1003' })
  assert.equal(
    await who('by-number', number),
    'uid=1000(web) gid=1003(other) groups=1003(other),1002(extra)\n/home/web\n',
  )
  assert.match(
    await who(
      'overridden',
      web,
      { securityContext: { runAsUser: 77 } },
      { securityContext: { runAsGroup: 88, supplementalGroups: [9] } },
    ),
    /^uid=77 gid=88 groups=88,9\n\/\n$/,
  )
  assert.match(
    await who('strict', web, {}, { securityContext: { supplementalGroupsPolicy: 'Strict', supplementalGroups: [9] } }),
    /groups=1001\(web\),9\n/,
  )
})

test(
  'a process started beside it is the same user, in the same directory, also after another agent took it over',
  others,
  async () => {
    const image = await world.image({ User: 'web', WorkingDir: '/home', Cmd: ['sleep', '1000'] })
    const { node } = world
    await node.run('beside', { image })
    await node.ready('beside')
    const see = async (): Promise<string> =>
      (await node.exec('beside', ['sh', '-c', 'id -u; id -G; pwd; echo $HOME'])).out
    assert.equal(await see(), '1000\n1001 1002\n/home\n/home/web\n')
    await node.pods.close()
    node.start()
    await node.pods.synced
    assert.equal(await see(), '1000\n1001 1002\n/home\n/home/web\n')
    const status = (await node.ready('beside')).status?.containerStatuses?.[0]
    assert.equal(status?.imageID, world.store.find(image)?.id)
    await node.delete('beside')
  },
)

test('a user that only the image could name is refused where it does not, and never looked up outside', async () => {
  const unknown = await world.image({ User: 'daemon' })
  assert.match(await refusal('unknown', unknown), /unable to find user daemon: .*its \/etc\/passwd does not have it/)
  // `daemon` is on every machine: a link out of the image must not find that one.
  const out = await world.image({ User: 'daemon' }, [link('etc/passwd', '/proc/self/root/etc/passwd')])
  assert.match(await refusal('link', out), /unable to find user daemon/)
})

test('who is not root writes where the image lets everybody, and nowhere else', others, async () => {
  const image = await world.image({ User: 'web' }, [{ ...directory('home/web/own'), uid: 1000 }])
  const script =
    'for at in /tmp /home/web/own /home/web /etc /; do touch $at/x 2>/dev/null && echo $at; done; stat -c %a /tmp; echo > /dev/shm/x && echo shm'
  assert.equal(await world.node.sh('writes', script, { image }), '/tmp\n/home/web/own\n1777\nshm\n')
  await world.node.delete('writes')
})

test('runAsNonRoot counts what the image says, and a name proves nothing', async () => {
  const securityContext = { runAsNonRoot: true }
  const [byName, root] = [await world.image({ User: 'web' }), await world.image()]
  assert.match(
    await refusal('by-name', byName, { securityContext }),
    /^container has runAsNonRoot and image has non-numeric user \(web\), cannot verify user is non-root \(pod: "by-name_default\(.+\)", container: c\)$/,
  )
  assert.match(
    await refusal('root', root, { securityContext }),
    /^container has runAsNonRoot and image will run as root/,
  )
  assert.match(
    await refusal('zero', byName, { securityContext: { ...securityContext, runAsUser: 0 } }),
    /^container's runAsUser breaks non-root policy/,
  )
})

test(
  'who is not root has no capabilities, and setuid programs of the image work unless forbidden',
  others,
  async () => {
    const image = await world.image({ User: '1000' }, setuidId())
    const script = 'grep -E "Cap(Eff|Amb)|NoNewPrivs" /proc/self/status | tr -s "\\t\\n" " "; /bin/root-id -u'
    const run = async (name: string, securityContext: Record<string, unknown>): Promise<string> => {
      const out = await world.node.sh(name, script, { image, securityContext })
      await world.node.delete(name)
      return out
    }
    const none = '0000000000000000'
    assert.equal(
      await run('plain', { capabilities: { add: ['NET_ADMIN'] } }),
      `CapEff: ${none} CapAmb: ${none} NoNewPrivs: 0 0\n`,
    )
    assert.match(await run('forbidden', { allowPrivilegeEscalation: false }), /NoNewPrivs: 1 1000\n/)
  },
)

const setuidId = () =>
  programs(['id']).map((one) => (one.path === 'bin/id' ? { ...one, path: 'bin/root-id', mode: 0o4755 } : one))

test('an image is ended by the signal that it names', async () => {
  const image = await world.image({ StopSignal: 'SIGQUIT' })
  const script = 'trap "echo quit; exit 7" QUIT; trap "" TERM; touch /tmp/up; while :; do sleep 0.1; done'
  await world.node.run(
    'signal',
    {
      image,
      command: ['sh', '-c', script],
      readinessProbe: { exec: { command: ['test', '-e', '/tmp/up'] } },
      livenessProbe: { exec: { command: ['test', '!', '-e', '/tmp/sick'] }, periodSeconds: 1, failureThreshold: 1 },
    },
    { terminationGracePeriodSeconds: 20, restartPolicy: 'Never' },
  )
  await world.node.ready('signal')
  await world.node.exec('signal', ['touch', '/tmp/sick'])
  const pod = await world.node.until('signal', 'over', (one) => one?.status?.phase === 'Failed')
  assert.equal(pod?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode, 7)
  assert.equal(await world.node.logs('signal'), 'quit\n')
  await world.node.delete('signal')
})
