import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import type { Deployment } from '../../api/objects/workload.ts'
import { isReady } from '../conditions.ts'
import { agents, cluster, manualClock, type TestCluster, sorted } from '../testing.ts'

const template = (version: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'host', command: ['serve', version] }] },
})
const web = (spec: Partial<Deployment['spec']> = {}) => ({
  metadata: { name: 'web', namespace: 'default', annotations: { team: 'a' } },
  spec: { replicas: 4, selector: { matchLabels: { app: 'web' } }, template: template('1'), ...spec },
})

const version = (pod: Pod): string => pod.spec.containers[0]?.command?.[1] ?? ''
const isDone = (deployment: Deployment | undefined): boolean => {
  const { replicas, updatedReplicas, availableReplicas, observedGeneration } = deployment?.status ?? {}
  const wanted = deployment?.spec.replicas
  return (
    [replicas, updatedReplicas, availableReplicas].every((count) => (count ?? 0) === wanted) &&
    observedGeneration === deployment?.metadata.generation
  )
}
const done = (lab: TestCluster): Promise<Deployment[]> => lab.until('Deployment', ([one]) => isDone(one))
const patch = (lab: TestCluster, spec: object): Promise<unknown> =>
  lab.client.patch('Deployment', 'web', 'default', { spec })
const progressing = (deployment: Deployment | undefined): unknown[] => {
  const condition = deployment?.status?.conditions?.find(({ type }) => type === 'Progressing')
  return [condition?.status, condition?.reason]
}

/** The most and the fewest pods that there ever were from now on. */
function extremes(lab: TestCluster): { most: number; fewestReady: number; watching: boolean } {
  const seen = { most: 0, fewestReady: Number.POSITIVE_INFINITY, watching: false }
  const held = new Map<string, Pod>()
  lab.client.follow('Pod', {
    onChange({ type, object }) {
      if (type === 'deleted') held.delete(object.metadata.name)
      else held.set(object.metadata.name, object)
      const living = [...held.values()].filter((pod) => !pod.metadata.deletionTimestamp)
      seen.most = Math.max(seen.most, living.length)
      if (seen.watching) seen.fewestReady = Math.min(seen.fewestReady, living.filter(isReady).length)
    },
  })
  return seen
}

test('a rolling update keeps to maxSurge and maxUnavailable, and numbers its revisions', async (t) => {
  const rows: [string, string | number, string | number, number, number][] = [
    ['the default', '25%', '25%', 5, 3],
    ['one above', 1, 0, 5, 4],
    ['one below', 0, 1, 4, 3],
    ['all at once', '100%', 0, 8, 4],
  ]
  for (const [what, maxSurge, maxUnavailable, most, fewest] of rows) {
    await t.test(what, async (t) => {
      const lab = await cluster(t)
      agents(lab.client)
      await lab.node('node1')
      const seen = extremes(lab)
      await lab.client.create(
        'Deployment',
        web({ strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } } }),
      )
      await done(lab)
      await lab.settle()
      seen.watching = true
      await patch(lab, { template: template('2') })
      const [deployment] = await done(lab)
      await lab.settle()
      assert.ok(seen.most <= most, `${seen.most} pods`)
      assert.ok(seen.fewestReady >= fewest, `${seen.fewestReady} ready`)
      assert.deepEqual((await lab.all('Pod')).map(version), ['2', '2', '2', '2'])
      assert.deepEqual(progressing(deployment), ['True', 'NewReplicaSetAvailable'])
      assert.equal(deployment?.metadata.annotations?.['deployment.kubernetes.io/revision'], '2')
      const sets = await lab.all('ReplicaSet')
      const rows = sets.map(({ spec, metadata: { annotations } }) =>
        [annotations?.['deployment.kubernetes.io/revision'], spec.replicas, annotations?.['team']].join(' '),
      )
      assert.deepEqual(sorted(rows), ['1 0 a', '2 4 a'])
    })
  }
})

test('its set is named by a hash of the template, which its pods carry', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  await lab.node('node1')
  await lab.client.create('Deployment', web())
  await done(lab)
  const [set] = await lab.all('ReplicaSet')
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? ''
  assert.match(hash, /^[bcdfghjklmnpqrstvwxz2-9]{1,10}$/)
  assert.equal(set?.metadata.name, `web-${hash}`)
  for (const pod of await lab.all('Pod')) {
    assert.equal(pod.metadata.labels?.['pod-template-hash'], hash)
    assert.match(pod.metadata.name, new RegExp(`^web-${hash}-[a-z0-9]{5}$`))
  }
  await lab.settle()
  const events = (await lab.all('Event')).filter((event) => event.reason === 'ScalingReplicaSet')
  assert.deepEqual(
    events.map((event) => event.message),
    [`Scaled up replica set web-${hash} from 0 to 4`],
  )
})

test('a broken update stops with most of the old pods serving, exceeds its deadline, and goes back', async (t) => {
  const clock = manualClock(Date.now())
  const lab = await cluster(t, { clock, nodeGraceMs: 3_600_000 })
  agents(lab.client, (pod) => version(pod) !== 'broken')
  await lab.node('node1')
  await lab.client.create('Deployment', web({ progressDeadlineSeconds: 60 }))
  await done(lab)
  await patch(lab, { template: template('broken') })
  await lab.settle()
  const ready = (await lab.all('Pod')).filter(isReady)
  assert.deepEqual(ready.map(version), ['1', '1', '1'])
  clock.move(61_000)
  await lab.until('Deployment', ([one]) => progressing(one)[1] === 'ProgressDeadlineExceeded')
  await patch(lab, { template: template('1') })
  const [deployment] = await lab.until(
    'Deployment',
    ([one]) => isDone(one) && progressing(one)[1] === 'NewReplicaSetAvailable',
  )
  assert.equal(deployment?.metadata.annotations?.['deployment.kubernetes.io/revision'], '3')
  const sets = await lab.all('ReplicaSet')
  assert.equal(sets.length, 2, 'the set of the first template came back')
  const back = sets.find((set) => set.spec.replicas === 4)
  assert.equal(back?.metadata.annotations?.['deployment.kubernetes.io/revision-history'], '1')
})

test('Recreate ends every old pod before it makes a new one', async (t) => {
  const lab = await cluster(t)
  const versions = new Map<string, string>()
  let mixed = false
  lab.client.follow('Pod', {
    onChange({ type, object }) {
      if (type === 'deleted') versions.delete(object.metadata.name)
      else versions.set(object.metadata.name, version(object))
      mixed ||= new Set(versions.values()).size > 1
    },
  })
  agents(lab.client)
  await lab.node('node1')
  await lab.client.create('Deployment', web({ strategy: { type: 'Recreate' } }))
  await done(lab)
  await patch(lab, { template: template('2') })
  await done(lab)
  assert.deepEqual([...versions.values()], ['2', '2', '2', '2'])
  assert.equal(mixed, false)
})

test('a paused deployment scales, but does not roll out until it is resumed', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  await lab.node('node1')
  await lab.client.create('Deployment', web())
  await done(lab)
  await patch(lab, { paused: true, template: template('2'), replicas: 6 })
  await lab.until(
    'Deployment',
    ([one]) => one?.status?.availableReplicas === 6 && progressing(one)[1] === 'DeploymentPaused',
  )
  await lab.settle()
  assert.deepEqual(new Set((await lab.all('Pod')).map(version)), new Set(['1']))
  await patch(lab, { paused: false })
  await done(lab)
  assert.deepEqual(new Set((await lab.all('Pod')).map(version)), new Set(['2']))
})

test('scaled in the middle of an update, each set gets its share', async (t) => {
  const lab = await cluster(t)
  agents(lab.client, (pod) => version(pod) !== 'broken')
  await lab.node('node1')
  await lab.client.create(
    'Deployment',
    web({ replicas: 10, strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }),
  )
  await done(lab)
  await patch(lab, { template: template('broken') })
  await lab.settle()
  const sizes = async (): Promise<unknown> => sorted((await lab.all('ReplicaSet')).map((set) => set.spec.replicas))
  assert.deepEqual(await sizes(), [5, 8])
  await patch(lab, { replicas: 15 })
  await lab.settle()
  // Upstream's own example (docs: Proportional scaling): of 5 more pods, the bigger set gets 3 and the smaller 2.
  assert.deepEqual(await sizes(), [11, 7])
})

test('the history keeps as many idle sets as it is told to', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  await lab.node('node1')
  await lab.client.create('Deployment', web({ revisionHistoryLimit: 2, replicas: 1 }))
  await done(lab)
  for (const name of ['2', '3', '4', '5']) {
    await patch(lab, { template: template(name) })
    await done(lab)
    await lab.settle()
  }
  const revisions = (await lab.all('ReplicaSet')).map(
    (set) => set.metadata.annotations?.['deployment.kubernetes.io/revision'],
  )
  assert.deepEqual(sorted(revisions), ['3', '4', '5'])
})

test('a deployment of no pods is complete, and a deleted one takes all with it', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  await lab.node('node1')
  await lab.client.create('Deployment', web({ replicas: 0 }))
  await lab.until('Deployment', ([one]) => progressing(one)[1] === 'NewReplicaSetAvailable')
  await patch(lab, { replicas: 2 })
  await done(lab)
  await lab.client.delete('Deployment', 'web', 'default', { propagationPolicy: 'Background' })
  await lab.until('Pod', (pods) => pods.length === 0)
  await lab.until('ReplicaSet', (sets) => sets.length === 0)
})

test('a name that is taken by a stranger is left to it', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  await lab.node('node1')
  await lab.client.create('Deployment', web({ replicas: 1 }))
  await done(lab)
  const [set] = await lab.all('ReplicaSet')
  await lab.client.delete('Deployment', 'web', 'default', { propagationPolicy: 'Orphan' })
  await lab.until('ReplicaSet', ([one]) => one?.metadata.ownerReferences === undefined)
  // Out of the selector's sight, but still there under that name.
  await lab.client.patch('ReplicaSet', set?.metadata.name ?? '', 'default', {
    metadata: { labels: { app: 'stranger' } },
  })
  await lab.client.create('Deployment', web({ replicas: 1 }))
  const [deployment] = await done(lab)
  assert.equal(deployment?.status?.collisionCount, 1)
})
