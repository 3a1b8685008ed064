import type { Node } from '../../objects/node.ts'
import { ageColumn, type Columns, joined, nameColumn, none, text } from './column.ts'

export const nodeColumns: Columns<Node> = [
  nameColumn,
  text('Status', ({ spec, status }) => {
    const ready = status?.conditions?.find((one) => one.type === 'Ready')
    const says = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'
    return spec?.unschedulable ? `${says},SchedulingDisabled` : says
  }),
  text('Roles', ({ metadata }) =>
    joined(
      Object.keys(metadata.labels ?? {})
        .flatMap((key) => /^node-role\.kubernetes\.io\/(.+)$/.exec(key)?.[1] ?? [])
        .toSorted(),
    ),
  ),
  ageColumn,
  text('Version', ({ status }) => status?.nodeInfo?.['kubeletVersion'] ?? ''),
  text('Internal-IP', (node) => addressOf(node, 'InternalIP'), true),
  text('External-IP', (node) => addressOf(node, 'ExternalIP'), true),
  text('OS-Image', ({ status }) => status?.nodeInfo?.['osImage'] || '<unknown>', true),
  text('Kernel-Version', ({ status }) => status?.nodeInfo?.['kernelVersion'] || '<unknown>', true),
  text('Container-Runtime', ({ status }) => status?.nodeInfo?.['containerRuntimeVersion'] || '<unknown>', true),
]

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((one) => one.type === type)?.address ?? none
}
