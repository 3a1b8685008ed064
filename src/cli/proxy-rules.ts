import { ApiError } from '../api/client/client.ts'
import { connectionFrom, fromKubeconfig } from '../api/client/kubeconfig.ts'
import { Transport } from '../api/client/transport.ts'
import { KubehopError } from '../base/errors.ts'
import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { didYouMean } from '../base/nearest.ts'
import { atMostOne, parse, UsageError } from './usage.ts'

const answerMs = 60_000

/** `kubehop proxy rules`: the node's agent prints them, this asks for it. */
export async function proxyRules(args: string[]): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: { service: { type: 'string' }, lab: { type: 'string' } },
  })
  const kubeconfig = kubeconfigOf(chooseLab(values.lab).name)
  const node = await nodeOf(kubeconfig, atMostOne(positionals))
  const transport = new Transport(await connectionFrom(kubeconfig))
  try {
    const path = `/api/v1/nodes/${encodeURIComponent(node)}/proxy/proxy/rules`
    const answer = await transport
      .open({ method: 'GET', path, query: { service: values.service } }, AbortSignal.timeout(answerMs))
      .catch(plainly)
    for await (const part of answer.setEncoding('utf8')) process.stdout.write(String(part))
    return 0
  } finally {
    transport.close()
  }
}

/** What the agent said, without the trappings of HTTP. */
function plainly(error: unknown): never {
  if (!(error instanceof ApiError)) throw error
  throw new KubehopError('lab', 'ask the node', error.reason, error.message.replace(/^HTTP \d+: /, '').trim())
}

async function nodeOf(kubeconfig: string, wanted: string | undefined): Promise<string> {
  const client = await fromKubeconfig(kubeconfig)
  try {
    const names = (await client.list('Node')).items.map(({ metadata }) => metadata.name).sort()
    const [first] = names
    if (wanted === undefined && first !== undefined) return first
    if (wanted !== undefined && names.includes(wanted)) return wanted
    if (wanted?.includes('/')) throw new UsageError(`"${wanted}" is no node: for one service write --service ${wanted}`)
    const like = wanted === undefined ? '' : didYouMean(wanted, names)
    throw new KubehopError(
      'lab',
      'find the node',
      'NotFound',
      wanted === undefined
        ? 'the lab has no nodes'
        : `there is no node "${wanted}"${like === '' ? `: there are ${names.join(', ')}` : `; ${like}`}`,
    )
  } finally {
    client.close()
  }
}
