import type { Deployment, ReplicaSet } from '../../objects/workload.ts'
import { ageColumn, type Columns, count, nameColumn, templateColumns, text } from './column.ts'

export const deploymentColumns: Columns<Deployment> = [
  nameColumn,
  text('Ready', ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 1}`),
  text('Up-to-date', ({ status }) => String(status?.updatedReplicas ?? 0)),
  text('Available', ({ status }) => String(status?.availableReplicas ?? 0)),
  ageColumn,
  ...templateColumns<Deployment>(
    ({ spec }) => spec.template.spec.containers,
    ({ spec }) => spec.selector,
  ),
]

export const replicaSetColumns: Columns<ReplicaSet> = [
  nameColumn,
  count('Desired', ({ spec }) => spec.replicas ?? 1),
  count('Current', ({ status }) => status?.replicas ?? 0),
  count('Ready', ({ status }) => status?.readyReplicas ?? 0),
  ageColumn,
  ...templateColumns<ReplicaSet>(
    ({ spec }) => spec.template.spec.containers,
    ({ spec }) => spec.selector,
  ),
]
