// kubehop doctor in a lab where everything is well: nothing is found, at no moment; and what is said when it cannot look everywhere.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { connectionFrom } from '../../src/api/client/kubeconfig.ts'
import { Transport } from '../../src/api/client/transport.ts'
import type { Diagnosis } from '../../src/doctor/diagnosis.ts'
import { trace } from './broken-lab.ts'
import { apply, diagnose, namesOf } from './doctor-lab.ts'
import { startTestLab, type TestLab } from './harness.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('doctor-healthy', '-f', 'examples/shop')
})
after(async () => lab?.down())

test('a healthy lab has nothing wrong, and the doctor says how much it looked at', async () => {
  const healthy = await diagnose(lab)
  assert.deepEqual(namesOf(healthy.findings), [])
  assert.deepEqual([healthy.code, healthy.untold], [0, []])
  assert.ok(healthy.looked.services >= 5 && healthy.looked.pods >= 5, JSON.stringify(healthy.looked))
  assert.deepEqual([healthy.looked.nodes, healthy.looked.machines], [3, 4])
  const { out } = await lab.kubehop('doctor')
  assert.match(
    out,
    /^looked at \d+ services, \d+ pods, 3 nodes, 4 kernels \(one is the router’s\): \d+ of \d+ checks( \(\d+ in part\))?, nothing wrong\n/,
  )
  const asked = await diagnose(lab, '--for', 'deploy/web', 'http://api/')
  assert.deepEqual(namesOf(asked.findings), [])
  assert.equal(asked.request?.verdict, 'delivered')
})

test('the examples that are well have nothing wrong, whoever of them asks whom', async () => {
  const pictures = readdirSync('examples/picture').filter((name) => /^[2-9]-.*\.yaml$/.test(name))
  assert.equal(pictures.length, 4)
  for (const name of pictures) await apply(lab, `examples/picture/${name}`)
  await apply(lab, 'examples/trace/trace.yaml')
  const { findings, early, looked } = await diagnose(lab)
  assert.deepEqual(findings, [])
  assert.ok(looked.pods >= 15, JSON.stringify({ early, looked }))
  const asked: [string, string][] = [
    ['same-node/left', 'pod/right:8080'],
    ['across-nodes/left', 'pod/right:8080'],
    ['hello/client', 'http://hello/'],
    ['hello/alone', 'http://mirror/'],
    ['dns/client', 'http://hello/'],
    ['dns/client', 'http://alto.choir:8080/'],
    ['dns/client', 'dns://hello'],
    ['deploy/web', 'http://api/'],
  ]
  for (const [from, to] of asked) {
    assert.equal((await trace(lab, from, to)).verdict, 'delivered', `${from} ${to}`)
    assert.deepEqual((await diagnose(lab, '--for', from, to)).findings, [], `${from} ${to}`)
  }
})

test('a service that was just made is not finished yet, and no mistake', async () => {
  const made = await lab.kubectl('create', 'service', 'clusterip', 'soon', '--tcp=80:8080')
  assert.equal(made.code, 0, made.err)
  const { findings, early } = await diagnose(lab)
  assert.deepEqual([namesOf(findings), namesOf(early)], [[], ['SelectorMatchesNothing Service/soon']])
  assert.equal((await lab.kubectl('delete', 'service', 'soon')).code, 0)
})

test('a rollout that goes well is never a mistake, at no moment of it', async () => {
  const deployments = ['deployment/web', 'deployment/api']
  assert.equal((await lab.kubectl('rollout', 'restart', ...deployments)).code, 0)
  const done = Promise.all(deployments.map((one) => lab.kubectl('rollout', 'status', one, '--timeout=60s')))
  const rollout = { over: false }
  void done.then(() => {
    rollout.over = true
  })
  while (!rollout.over) assert.deepEqual(namesOf((await diagnose(lab, 'default')).findings), [])
  assert.deepEqual(
    (await done).map(({ code }) => code),
    [0, 0],
  )
})

test('an agent that does not answer is said, and the rest goes on', async () => {
  const agent = lab.pidOf('kubehop node node3')
  assert.ok(agent)
  process.kill(agent, 'SIGSTOP')
  try {
    const { untold, looked, findings } = await diagnose(lab, 'default')
    assert.match(untold.join('; '), /^the kernel of node3: .*no answer within 5 s$/)
    assert.deepEqual([looked.machines, namesOf(findings)], [3, []])
  } finally {
    process.kill(agent, 'SIGCONT')
  }
})

test('any cluster is looked at by its kubeconfig, and what needs an agent is named', async () => {
  const kubeconfig = (await lab.kubehop('kubeconfig')).out.trim()
  const { looked, checks, findings, code } = await diagnose(lab, 'default', '--kubeconfig', kubeconfig)
  assert.deepEqual([looked.machines, looked.nodes, code], [0, 3, 0])
  assert.deepEqual(namesOf(findings), [])
  assert.equal(checks.find(({ number }) => number === 3)?.because, 'needs agents on the nodes')
  assert.equal(checks.find(({ number }) => number === 1)?.ran, true)
})

test('a request that fails ends with 1, also where what explains it is for information alone', async () => {
  // A machine on the wire that nobody watches: who refused is all that is known.
  const { findings, request, code } = await diagnose(lab, 'default', '--for', 'deploy/web', 'tcp://192.168.50.2:1')
  assert.equal(request?.verdict, 'refused')
  assert.ok(findings.length > 0 && findings.every(({ level }) => level === 'info'), JSON.stringify(findings))
  assert.equal(code, 1)
  assert.equal((await lab.kubehop('doctor', '--for', 'deploy/web', 'tcp://192.168.50.2:1')).code, 1)
  // A question that was answered with no was delivered, and did not do what it was for.
  const asked = await diagnose(lab, '--for', 'deploy/web', 'dns://nobody.default.svc.cluster.local.')
  assert.deepEqual([asked.request?.verdict, asked.request?.status, asked.code], ['delivered', 'NXDOMAIN', 1])
})

test('over HTTP, what is no question is refused with what is expected', async () => {
  const kubeconfig = (await lab.kubehop('kubeconfig')).out.trim()
  const transport = new Transport(await connectionFrom(kubeconfig))
  const ask = (body: object): Promise<unknown> => transport.call({ method: 'POST', path: '/kubehop/doctor', body })
  const expected = {
    name: 'ApiError',
    code: 400,
    message: /the doctor is asked with \{ namespace\?, for\?: \{ from, to,/,
  }
  try {
    for (const body of [[], { from: 'client' }, { for: { from: 1 } }, { for: { from: 'client' } }, { namespaces: 'a' }])
      await assert.rejects(ask(body), expected, JSON.stringify(body))
    await assert.rejects(ask({ namespace: 'nowhere' }), {
      code: 404,
      message: /^there is no namespace "nowhere"; there is /,
    })
    assert.deepEqual(((await ask({ namespace: 'default' })) as Diagnosis).findings, [])
  } finally {
    transport.close()
  }
})

test('what is asked for wrongly is said before anything is looked at', async () => {
  const rows: [string[], RegExp, number][] = [
    [['--for', 'client'], /--for needs FROM and TO/, 2],
    [['Shop!'], /"Shop!" is no namespace/, 2],
    [['nowhere'], /there is no namespace "nowhere"; there is .*default/, 2],
    [['-o', 'xml'], /-o is text, json, yaml, not "xml"/, 2],
    [['--context', 'x'], /needs --kubeconfig FILE/, 2],
    [['--kubeconfig', '/nonexistent'], /nonexistent/, 1],
    [['--for', 'nobody', 'http://web/'], /there is no pod default\/nobody/, 2],
  ]
  for (const [words, expected, status] of rows) {
    const { code, err } = await lab.kubehop('doctor', ...words)
    assert.match(err, expected)
    assert.equal(code, status, words.join(' '))
  }
})

/** The reader goes before anything is written: every write is an EPIPE. */
async function unread(...words: string[]): Promise<{ code: number | null; signal: string | null; err: string }> {
  const child = spawn(process.execPath, [resolve('src/cli/main.ts'), ...words], {
    env: { ...process.env, ...lab.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  child.stdout.destroy()
  const [[code, signal], err] = await Promise.all([
    once(child, 'exit') as Promise<[number | null, string | null]>,
    text(child.stderr),
  ])
  return { code, signal, err }
}

test('a pipe that nobody reads is no failure, and what was found still decides the exit code', async () => {
  const well = { code: 0, signal: null, err: '' }
  assert.deepEqual(await unread('doctor', '-o', 'json'), well)
  assert.deepEqual(await unread('doctor', '--list'), well)
  assert.deepEqual(await unread('trace', 'hello/client', 'http://hello/', '-o', 'json'), well)
  assert.deepEqual(await unread('trace', 'hello/client', 'http://hello:81/', '-o', 'json'), { ...well, code: 1 })
})
