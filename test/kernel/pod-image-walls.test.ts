import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Container } from '../../src/api/objects/pod.ts'
import { directory, file, link } from './machine-image.ts'
import { type ImageNode, makeImageNode } from './pod-image-world.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

let world: ImageNode
before(async () => {
  leaveForOwnNetwork()
  world = await makeImageNode()
})
after(() => world[Symbol.asyncDispose]())

/** Runs a script in an image to its end, and removes the pod. */
async function sh(name: string, image: string, script: string, container: Partial<Container> = {}): Promise<string> {
  const out = await world.node.sh(name, script, { image, ...container })
  await world.node.delete(name)
  return out
}

test('no link of an image leads out of it, wherever it lies', async () => {
  const outside = mkdtempSync(join(realpathSync('/var/tmp'), 'kubehop-outside-'))
  try {
    const image = await world.image({}, [
      link('proc', outside),
      link('sys', '/etc'),
      link('dev', outside),
      directory('real'),
      link('var/run', '/../../real'),
      link('data', outside),
      link('srv', `/real/..${outside}`),
    ])
    const script = `ls -d ${outside} 2>&1; test -e /proc/self/status && echo proc; test -c /dev/null && echo dev
      cat /data/in /srv/in 2>&1; ls /; readlink /data; cat /etc/hostname`
    await world.node.run(
      'hostile',
      {
        image,
        command: ['sh', '-c', script],
        terminationMessagePath: '/data/message',
        volumeMounts: [
          { name: 'v', mountPath: '/data/v' },
          { name: 'v', mountPath: '/srv/v' },
        ],
        workingDir: '/srv/deep',
      },
      { restartPolicy: 'Never', volumes: [{ name: 'v', emptyDir: {} }] },
    )
    const out = await world.node.output('hostile')
    assert.match(out, /^\/var\/tmp\/kubehop-outside-\w+\nproc\ndev\n/)
    assert.match(out, /hostile\n$/)
    assert.equal(existsSync(join(outside, 'v')) || existsSync(join(outside, 'message')), false)
    await world.node.delete('hostile')
  } finally {
    rmSync(outside, { recursive: true })
  }
})

test('no descriptor of the start is a way out of the container', async () => {
  const image = await world.image()
  const volumes = [{ name: 'v', emptyDir: {} }]
  const volumeMounts = [{ name: 'v', mountPath: '/v', subPath: 'a/b' }]
  const numbers = Array.from({ length: 38 }, (_, index) => index + 3)
  for (const [kind, from] of Object.entries({ image, host: 'host' })) {
    // The kernel takes the program's directory from a link of /proc (CVE-2024-21626), and what is missing there is made.
    const containers = numbers.flatMap((number) =>
      ['', '/made'].map((below) => ({
        name: `fd-${number}${below.replace('/', '-')}`,
        image: from,
        command: ['sh', '-c', 'pwd; ls -a .. | tr "\\n" " "'],
        workingDir: `/proc/self/fd/${number}${below}`,
        volumeMounts,
      })),
    )
    const name = `fds-${kind}`
    await world.node.run(name, {}, { restartPolicy: 'Never', volumes, containers })
    await world.node.until(name, 'over', (one) => one?.status?.phase === 'Failed')
    for (const container of containers)
      assert.equal(await world.node.logs(name, container.name).catch(() => ''), '', `${kind} ${container.name}`)
    await world.node.delete(name)
  }
})

test('with readOnlyRootFilesystem only volumes can be written, those of the image too', async () => {
  const config = { Volumes: { '/data': {}, '/made/new': {} }, WorkingDir: '/srv/here' }
  const image = await world.image(config, [file('data/shipped', 'with the image')])
  const script = `for at in / /tmp /etc /data /made /made/new /v /dev; do echo > $at/x && echo $at; done 2> /dev/null
    cat /data/shipped; pwd`
  const container: Partial<Container> = {
    image,
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'v', mountPath: '/v' }],
    securityContext: { readOnlyRootFilesystem: true },
  }
  await world.node.run('sealed', container, { restartPolicy: 'Never', volumes: [{ name: 'v', emptyDir: {} }] })
  assert.equal(await world.node.output('sealed'), '/data\n/made/new\n/v\n/dev\nwith the image/srv/here\n')
  await world.node.delete('sealed')
  const open = await sh('unsealed', image, 'echo > /data/y && ls -A /data')
  assert.equal(open, 'shipped\ny\n')
})

test('a privileged container has the devices of this machine, settings of the kernel and all capabilities', async () => {
  const image = await world.image()
  const script =
    'ls /dev | wc -l; grep CapEff /proc/self/status; test -w /proc/sys/net/ipv4/ip_forward && echo settings'
  const [own = '', caps = '', settings] = (
    await sh('privileged', image, script, { securityContext: { privileged: true } })
  ).split('\n')
  const [ordinary = '', fewer = ''] = (await sh('ordinary', image, script)).split('\n')
  assert.ok(Number(own) > Number(ordinary))
  assert.ok(Number.parseInt(caps.split('\t')[1] ?? '', 16) > Number.parseInt(fewer.split('\t')[1] ?? '', 16))
  assert.equal(settings, 'settings')
})
