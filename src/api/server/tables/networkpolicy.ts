import type { NetworkPolicy } from '../../objects/networkpolicy.ts'
import { formatSelector } from '../../select/labels.ts'
import { ageColumn, type Columns, nameColumn, none, text } from './column.ts'

export const networkPolicyColumns: Columns<NetworkPolicy> = [
  nameColumn,
  text('Pod-Selector', ({ spec }) => formatSelector(spec.podSelector ?? {}) || none),
  ageColumn,
]
