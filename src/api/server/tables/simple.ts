import type { ConfigMap, Event, Lease, Namespace, Secret, ServiceAccount } from '../../objects/simple.ts'
import { ageColumn, type Columns, count, nameColumn, since, text } from './column.ts'

export const configMapColumns: Columns<ConfigMap> = [
  nameColumn,
  count('Data', ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length),
  ageColumn,
]

export const secretColumns: Columns<Secret> = [
  nameColumn,
  text('Type', (secret) => secret.type ?? ''),
  count('Data', ({ data = {} }) => Object.keys(data).length),
  ageColumn,
]

export const serviceAccountColumns: Columns<ServiceAccount> = [
  nameColumn,
  count('Secrets', (account) => account.secrets?.length ?? 0),
  ageColumn,
]

export const namespaceColumns: Columns<Namespace> = [
  nameColumn,
  text('Status', ({ status }) => status?.phase ?? ''),
  ageColumn,
]

export const leaseColumns: Columns<Lease> = [
  nameColumn,
  text('Holder', ({ spec }) => spec?.holderIdentity ?? ''),
  ageColumn,
]

export const eventColumns: Columns<Event> = [
  text('Last Seen', (event) => since(event.lastTimestamp ?? event.eventTime ?? event.firstTimestamp)),
  text('Type', (event) => event.type ?? ''),
  text('Reason', (event) => event.reason ?? ''),
  text('Object', ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}/${name}`),
  text('Subobject', ({ involvedObject }) => involvedObject.fieldPath ?? '', true),
  text(
    'Source',
    ({ source, reportingComponent = '' }) =>
      (source?.component ?? reportingComponent) + (source?.host ? `, ${source.host}` : ''),
    true,
  ),
  text('Message', (event) => (event.message ?? '').trim()),
  text('First Seen', (event) => since(event.firstTimestamp ?? event.eventTime), true),
  { ...count<Event>('Count', (event) => event.count ?? 1), wide: true },
  { ...nameColumn, wide: true },
]
