// kubehop doctor where much is unusual and all of it is well: what only looks like a mistake is none, at no moment.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Pod } from '../../src/api/objects/pod.ts'
import type { Diagnosis } from '../../src/doctor/diagnosis.ts'
import { diagnose, finds, namesOf } from './doctor-lab.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('doctor-odd')
  const { code, err } = await lab.kubectl('apply', '-f', 'test/e2e/doctor-odd.yaml')
  assert.equal(code, 0, err)
  await lab.until(
    'every pod is as it shall be',
    states,
    (all) => all.every(([name, state]) => state === wanted(name)),
    60,
  )
  const log = (): Promise<string> => lab.kubectl('-n', 'odd', 'logs', 'client').then(({ out }) => out)
  await lab.until('the client has answers', log, (out) => out.includes('answered'))
})
after(async () => lab?.down())

async function states(): Promise<[string, string][]> {
  const { items } = await lab.json<{ items: Pod[] }>('get', 'pods', '-n', 'odd')
  return items.map(({ metadata, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
    return [metadata.name, ready ? 'Ready' : (status?.phase ?? '')]
  })
}

const others: Readonly<Record<string, string>> = {
  'named-migration': 'Succeeded',
  'named-attempt': 'Failed',
  'peers-1': 'Running',
  batch: 'Running',
}

function wanted(name: string): string {
  return others[name] ?? 'Ready'
}

/** The standby is not ready on purpose, and the Job has done its work: both are told for information. */
const known = ['PodNotReady Pod/peers-1', 'PodsEnded Service/worker']

function healthy({ findings }: Diagnosis): void {
  const wrong = findings.filter((one) => one.level !== 'info' || !known.includes(namesOf([one]).join()))
  assert.deepEqual(wrong, [])
}

test('nothing unusual is a mistake, by the kernels and by the objects alone', async () => {
  const kubeconfig = (await lab.kubehop('kubeconfig')).out.trim()
  for (const words of [[], ['odd'], ['--strict'], ['--kubeconfig', kubeconfig, '--strict']]) {
    const found = await finds(lab, words, known)
    healthy(found)
    assert.deepEqual(found.early, [])
    const standby = found.findings.find(({ code }) => code === 'PodNotReady')
    assert.match(standby?.say ?? '', /fails: .*; clients are sent to it all the same/)
  }
  assert.equal((await lab.kubehop('doctor', '--strict')).code, 0)
})

test('requests to all of it are delivered, and nothing is found in what they touched', async () => {
  const asked: [string, string][] = [
    ['odd/client', 'http://named/'],
    ['odd/client', 'tcp://both:53'],
    ['odd/client', 'udp://both:53'],
    ['odd/client', 'udp://192.168.50.11:30053'],
    ['odd/client', 'http://agents:9200/'],
    ['odd/client', 'tcp://peers-1.peers:7000'],
    ['odd/client', 'tcp://side'],
    ['outside', 'http://192.168.50.13:30080/'],
    ['odd/client', 'dns://outside-db'],
    ['odd/client', 'dns://members'],
    ['outside', 'udp://192.168.50.12:30053'],
    ['outside', 'tcp://192.168.50.12:30053'],
    ['node/node2', 'http://192.168.50.12:9200/'],
    ['outside', 'http://192.168.50.11:9201/'],
    ['outside', 'http://192.168.50.11:30080/'],
    ['outside', 'http://192.168.50.11:8081/'],
    ['odd/client', 'http://edge:9201/'],
  ]
  for (const [from, to] of asked) {
    const found = await diagnose(lab, '--for', from, to)
    assert.deepEqual([found.request?.verdict, found.code], ['delivered', 0], `${from} ${to}`)
    healthy(found)
  }
})

test('a pod that goes and comes while others send to it is no mistake, at no moment', async () => {
  for (const rollout of [
    ['rollout', 'restart', 'deployment/both'],
    ['delete', 'pod', '-l', 'app=both', '--wait=false'],
  ]) {
    const begun = await lab.kubectl('-n', 'odd', ...rollout)
    assert.equal(begun.code, 0, begun.err)
    const waiting = lab.kubectl('-n', 'odd', 'rollout', 'status', 'deployment/both', '--timeout=60s')
    const done = { over: false }
    void waiting.then(() => (done.over = true))
    do healthy(await diagnose(lab, 'odd'))
    while (!done.over)
    assert.equal((await waiting).code, 0)
    // The old ones take their time to end.
    const names = async (): Promise<string[]> => {
      healthy(await diagnose(lab, 'odd'))
      return (await states()).map(([name]) => name).filter((name) => name.startsWith('both-'))
    }
    await lab.until('the old pods are gone', names, (all) => all.length === 2)
  }
})
