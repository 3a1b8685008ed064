// An agent is a process like another: killing it is a fair experiment.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('agents', '--nodes', '1', '-f', 'examples/shop')
})
after(async () => lab?.down())

const pods = async (): Promise<Pod[]> => (await lab.json<{ items: Pod[] }>('get', 'pods')).items

test('kill -9 of an agent harms no pod and no service; the next agent takes them over', async () => {
  const before = await pods()
  const old = lab.pidOf('kubehop node node1')
  assert.ok(old)
  process.kill(old, 'SIGKILL')
  await lab.until(
    'another agent',
    async () => lab.pidOf('kubehop node node1'),
    (pid) => pid !== undefined && pid !== old,
  )
  const answer = await lab.until(
    'exec works again',
    () => lab.kubectl('exec', 'client', '--', 'node', '-e', "fetch('http://web/').then(r=>console.log(r.status))"),
    ({ code }) => code === 0,
  )
  assert.equal(answer.out.trim(), '200')
  const now = await pods()
  const facts = (list: Pod[]): unknown =>
    list.map(({ metadata, status }) => [
      metadata.uid,
      status?.podIP,
      status?.containerStatuses?.map((each) => [each.containerID, each.restartCount]),
    ])
  assert.deepEqual(facts(now), facts(before))
})

test('what was deleted while the agent was away goes when the next one comes', async () => {
  const old = lab.pidOf('kubehop node node1')
  assert.ok(old)
  process.kill(old, 'SIGKILL')
  await lab.kubectl('delete', 'deployment', 'web', '--wait=false')
  await lab.until(
    'the pod has gone',
    async () => (await pods()).map((pod) => pod.metadata.name),
    (names) => !names.some((name) => name.startsWith('web-')),
  )
})
