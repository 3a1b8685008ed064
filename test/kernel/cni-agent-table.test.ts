import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { AgentNode } from './cni-agent-world.ts'

// The plugin's own tests once more, through a launcher and one agent, which does the work in each of their nodes.
const names = 'plugin plugin-add plugin-dual plugin-gc plugin-masquerade plugin-ports plugin-bandwidth'
const files = names.split(' ').map((name) => `test/kernel/cni-${name}.test.ts`)

for (const file of files)
  test(`by way of the agent, ${file} passes as well`, async () => {
    using node = new AgentNode({ fallback: true })
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const skip = [
      // The launcher itself says it, without the name that the system has for it.
      '--test-skip-pattern=stdin that cannot be read',
      // It starts the plugin itself.
      '--test-skip-pattern=two ADDs at once',
    ]
    const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...skip, file], {
      env: { ...env, KUBEHOP_TEST_LAUNCHER: node.launcher },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
    assert.equal(code, 0, said)
    assert.ok(Number(/^# pass (\d+)$/m.exec(said)?.[1]) > 1, said)
    await node.stopAgent()
    const count = node.answered()
    assert.ok(count > 5, `the agent answered ${count} times`)
  })
