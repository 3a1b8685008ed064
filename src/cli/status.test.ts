import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LabStatus, renderLabs } from './status.ts'

const lab = (name: string, ...ready: boolean[]): LabStatus => ({
  name,
  created: '2026-01-01T00:00:00Z',
  kubeconfig: `/run/${name}/kubeconfig`,
  api: 'https://127.0.0.1:6443',
  podCidr: '100.96.0.0/16',
  serviceCidr: '100.64.0.0/16',
  nodeCidr: '192.168.50.0/24',
  nodes: ready.map((is, at) => ({ name: `node${at + 1}`, ready: is, address: '', podCidr: '', pods: at + 1 })),
})

test('several labs are a line each', () => {
  assert.equal(
    renderLabs([lab('one', true), lab('another', true, false)]),
    `2 labs run

  one      1 node (1 Ready)   1 pod   /run/one/kubeconfig
  another  2 nodes (1 Ready)  3 pods  /run/another/kubeconfig

  \`kubehop status NAME\` says more of one`,
  )
})
