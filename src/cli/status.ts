import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import { chooseLab, runningLabs } from '../lab/choose.ts'
import { kubeconfigOf, type LabRecord } from '../lab/folder.ts'
import { columns } from '../trace/render/names.ts'
import { atMostOne, parse } from './usage.ts'

/** `kubehop status [NAME] [--json]`: one lab; where several run and none is named, all of them, a line each (JSON: a list). */
export async function status(args: string[]): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean' }, lab: { type: 'string' } },
  })
  const name = atMostOne(positionals) ?? values.lab
  const all = name === undefined && !process.env['KUBEHOP_LAB'] ? runningLabs() : []
  if (all.length > 1) {
    const labs = await Promise.all(all.map(describeLab))
    console.log(values.json ? JSON.stringify(labs, null, 2) : renderLabs(labs))
    return 0
  }
  const lab = await describeLab(chooseLab(name))
  console.log(values.json ? JSON.stringify(lab, null, 2) : renderLab(lab, 'is running'))
  return 0
}

/** What `status --json` prints. */
export interface LabStatus {
  name: string
  created: string
  kubeconfig: string
  api: string
  podCidr: string
  serviceCidr: string
  nodeCidr: string
  /** The address of every node's own resolver; absent where pods ask the service. */
  nodeDns?: string
  nodes: { name: string; ready: boolean; address: string; podCidr: string; pods: number }[]
}

export async function describeLab(record: LabRecord): Promise<LabStatus> {
  const kubeconfig = kubeconfigOf(record.name)
  const client = await fromKubeconfig(kubeconfig)
  try {
    const [nodes, pods] = await Promise.all([client.list('Node'), client.list('Pod')])
    return {
      name: record.name,
      created: record.created,
      kubeconfig,
      api: `https://127.0.0.1:${record.apiPort}`,
      podCidr: record.podCidr,
      serviceCidr: record.serviceCidr,
      nodeCidr: record.nodeCidr,
      ...(record.nodeDns !== undefined && { nodeDns: record.nodeDns }),
      nodes: nodes.items.map(({ metadata: { name }, spec, status: state }) => ({
        name,
        ready: state?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false,
        address: state?.addresses?.find((each) => each.type === 'InternalIP')?.address ?? '',
        podCidr: spec?.podCIDR ?? '',
        pods: pods.items.filter((pod) => pod.spec.nodeName === name).length,
      })),
    }
  } finally {
    client.close()
  }
}

/** `one  2 nodes (2 Ready)  8 pods  KUBECONFIG`, and how to see one of them. */
export function renderLabs(labs: readonly LabStatus[]): string {
  const rows = labs.map(({ name, nodes, kubeconfig }) => {
    const pods = nodes.reduce((sum, one) => sum + one.pods, 0)
    const ready = nodes.filter((one) => one.ready).length
    return [
      name,
      `${nodes.length} node${nodes.length === 1 ? '' : 's'} (${ready} Ready)`,
      `${pods} pod${pods === 1 ? '' : 's'}`,
      kubeconfig,
    ]
  })
  const lines = columns(rows).map((line) => `  ${line}`)
  return [`${labs.length} labs run`, '', ...lines, '', '  `kubehop status NAME` says more of one'].join('\n')
}

export function renderLab(lab: LabStatus, says: string): string {
  const rows = lab.nodes.map((node) => [
    node.name,
    node.address,
    node.podCidr,
    node.ready ? 'Ready' : 'NotReady',
    node.pods === 1 ? '1 pod' : `${node.pods} pods`,
  ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const table = rows.map((row) =>
    `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  )
  return [
    `Lab "${lab.name}" ${says}`,
    '',
    ...table,
    '',
    `  services    ${lab.serviceCidr}`,
    ...(lab.nodeDns === undefined ? [] : [`  node DNS    ${lab.nodeDns}, on every node`]),
    `  kubeconfig  ${lab.kubeconfig}`,
  ].join('\n')
}
