// kubehop doctor --kubeconfig, of a cluster that has what labs have not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diagnosis } from '../doctor/diagnosis.ts'
import { api, asking, kubehop, listOf } from './testing-api.ts'

const metadata = { name: 'backup', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' }
const selector = { matchLabels: { app: 'backup' } }
const template = { metadata: { labels: selector.matchLabels }, spec: { containers: [] } }
const policy = { metadata, spec: { podSelector: selector, policyTypes: ['Egress'] } }
const crons = '/apis/batch/v1/cronjobs'
const policies = '/apis/networking.k8s.io/v1/networkpolicies'

/** What is found where these lists are all there is; a list that is missing is forbidden. */
async function found(lists: Readonly<Record<string, readonly object[] | undefined>>): Promise<string[]> {
  const server = api((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const items = path in lists ? lists[path] : []
    const refusal = { kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'no', code: 403 }
    response.writeHead(items ? 200 : 403, { 'content-type': 'application/json' })
    response.end(items ? listOf(items) : JSON.stringify(refusal))
  })
  const { out, err } = await asking(server, (_, config) => kubehop('doctor', '--kubeconfig', config, '-o', 'json'))
  assert.equal(err, '')
  return (JSON.parse(out) as Diagnosis).findings.map(({ code, object }) => `${code} ${object.name}`)
}

test('a policy for pods of a CronJob that is not running protects somebody; without it, or where it is hidden, nobody', async () => {
  const cron = { metadata, spec: { schedule: '0 3 * * *', jobTemplate: { spec: { template } } } }
  assert.deepEqual(await found({ [policies]: [policy], [crons]: [cron] }), [])
  assert.deepEqual(await found({ [policies]: [policy] }), ['PolicySelectsNothing backup'])
  assert.deepEqual(await found({ [policies]: [policy], [crons]: undefined }), ['PolicySelectsNothing backup'])
})
