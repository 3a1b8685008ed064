import type { TraceObject } from '../../objects/trace.ts'
import { ageColumn, type Columns, nameColumn, none, text } from './column.ts'

export const traceColumns: Columns<TraceObject> = [
  nameColumn,
  text('From', ({ spec: { source } }) => source.pod ?? source.node ?? 'outside'),
  text('To', ({ spec: { destination } }) => {
    const { pod, service, node, ip, name, url, port } = destination
    return url ?? `${pod ?? service ?? node ?? ip ?? name}${port === undefined ? '' : `:${port}`}`
  }),
  text('Phase', ({ status }) => status?.phase ?? 'Pending'),
  text('Verdict', ({ status }) => status?.verdict ?? none),
  text('Answer', ({ status }) => status?.answer ?? '', true),
  text('Time', ({ status }) => (status?.milliseconds === undefined ? none : `${status.milliseconds}ms`)),
  text('Why', ({ status }) => status?.reason ?? status?.why?.[0]?.say ?? '', true),
  ageColumn,
]
