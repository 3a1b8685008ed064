import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { createNetns, inNetns } from '../../src/kernel/netns.ts'
import { AgentNode, said } from './cni-agent-world.ts'
import { Bundled, killBefore, noStrace, strace } from './strace.ts'

/** Not quietly: it says when it is attached. */
const attached = (call: string, nth: number, { pid }: ChildProcess): [string, string[]] =>
  strace('-f', ...killBefore(call, nth).slice(1), '-p', String(pid))

/** Kills the agent before it makes this system call for the nth time from now on. Resolves when strace watches for it. */
async function killAt(agent: ChildProcess, call: string, nth: number): Promise<ChildProcess> {
  const strace = spawn(...attached(call, nth, agent), { stdio: ['ignore', 'ignore', 'pipe'] })
  const [line] = (await once(strace.stderr, 'data')) as [Buffer]
  assert.match(line.toString(), /attached/)
  strace.stderr.resume()
  return strace
}

for (const [command, points] of [
  // What each system call of ADD leaves behind is the plugin's own test. Here: before the request is read, in its midst, and after it.
  [
    'ADD',
    {
      accept4: [1],
      flock: [1],
      setns: [1, 3],
      mkdir: [1],
      link: [1],
      rename: [1],
      sendto: [2, 6, 10, 14],
      write: [1, 2, 3, 4, 5],
    },
  ],
  ['DEL', { flock: [1], unlink: [1], sendto: [1, 2, 3, 4, 5, 6], write: [1, 2, 3] }],
] as const)
  test(`killed in the midst of ${command}, the agent leaves nothing that its next start, DEL or GC does not find`, {
    skip: noStrace,
  }, async () => {
    using product = await Bundled.of('src/cli/main.ts')
    using node = new AgentNode({ main: product.path })
    using a = createNetns()
    const config = node.config({ ipMasq: true, 'cni.dev/valid-attachments': [] })
    let kills = 0
    for (const [call, numbers] of Object.entries(points))
      for (const nth of numbers) {
        if (command === 'DEL') node.add('a', a, config)
        const strace = await killAt(node.agent, call, nth)
        const { code, out } = await said(node.start(command, 'a', a, config))
        // It may have answered before: what it does last is tell its log, and delete what DEL has cut.
        if (code !== 0) {
          assert.ok([11, 100].includes(Number(out['code'])), JSON.stringify(out))
          kills++
        }
        const over = node.agent.exitCode !== null || node.agent.signalCode !== null
        const exited = over ? undefined : once(node.agent, 'exit')
        node.agent.kill('SIGKILL')
        await exited
        await (strace.exitCode ?? once(strace, 'exit'))
        node.agent = node.startAgent()
        if (kills % 2 === 0) node.del('a', a, config)
        else assert.equal(node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/x' }, config).exitCode, 0)
        node.assertNothingLeft(`killed at ${call} number ${nth}`)
      }
    assert.ok(kills >= 6, `only ${kills}`)
  })

for (const command of ['ADD', 'DEL'])
  test(`a launcher that is killed in the midst of ${command} has been heard, or has not; the next DEL finds all`, {
    skip: noStrace,
  }, () => {
    using node = new AgentNode()
    using a = createNetns()
    const config = node.config({ ipMasq: true })
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'a',
      CNI_NETNS: `/proc/${process.pid}/fd/${a.fd}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      PATH: process.env['PATH'],
    }
    let kills = 0
    for (const call of ['socket', 'connect', 'rt_sigaction', 'read', 'write', 'mmap', 'exit_group'])
      for (let nth = 1; ; nth++) {
        if (command === 'DEL') node.add('a', a, config)
        const { signal, stdout } = inNetns(node.ns, () =>
          spawnSync(...strace(...killBefore(call, nth), node.launcher), {
            env,
            input: JSON.stringify(config),
            encoding: 'utf8',
          }),
        )
        node.del('a', a, config)
        node.assertNothingLeft(`killed at ${call} number ${nth}: ${stdout}`)
        if (signal !== 'SIGKILL') break
        kills++
      }
    assert.ok(kills >= 8, `only ${kills}`)
  })
