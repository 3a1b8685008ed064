import { readFileSync } from 'node:fs'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import { parseAddress, parseCidr } from '../base/address.ts'
import { makeLog } from '../base/log.ts'
import { startAgent } from '../node/agent.ts'
import type { GroupsPlace } from '../pod/resources/groups.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop node`: the agent of one node, until it is told to end (SIGTERM). Its pods go on without it. */
export async function node(args: string[]): Promise<number> {
  const required = [
    'name',
    'kubeconfig',
    'address',
    'state',
    'pod-cidr',
    'service-cidr',
    'tls-cert',
    'tls-key',
    'tls-ca',
  ] as const
  const { values } = parse({
    args,
    options: {
      ...(Object.fromEntries(required.map((name) => [name, { type: 'string' }])) as Record<
        (typeof required)[number],
        { type: 'string' }
      >),
      dns: { type: 'string', multiple: true, default: [] as string[] },
      zone: { type: 'string', default: 'cluster.local' },
      mount: { type: 'string', multiple: true, default: [] as string[] },
      path: { type: 'string', multiple: true, default: [] as string[] },
      hide: { type: 'string', multiple: true, default: [] as string[] },
      images: { type: 'string', multiple: true, default: [] as string[] },
      groups: { type: 'string' },
    },
  })
  const option = (name: (typeof required)[number]): string => {
    const value = values[name]
    if (value === undefined) throw new UsageError(`--${name} is missing`)
    return value
  }
  const parsed = <T>(
    name: (typeof required)[number] | 'dns',
    text: string,
    read: (text: string) => T | undefined,
  ): T => {
    const value = read(text)
    if (value === undefined) throw new UsageError(`--${name} "${text}" cannot be used`)
    return value
  }
  const name = option('name')
  const log = makeLog(`node ${name}`)
  const agent = await startAgent({
    name,
    client: await fromKubeconfig(option('kubeconfig')),
    address: parsed('address', option('address'), parseAddress),
    stateDir: option('state'),
    podCidr: parsed('pod-cidr', option('pod-cidr'), parseCidr),
    serviceCidr: parsed('service-cidr', option('service-cidr'), parseCidr),
    clusterDns: values.dns.map((text) => parsed('dns', text, parseAddress)),
    zone: values.zone,
    hostImage: {
      path: values.path,
      mounts: values.mount.map((pair) => {
        const [from = '', to = ''] = pair.split(':')
        return { from, to }
      }),
      mask: values.hide,
    },
    imageStores: values.images,
    groups: values.groups === undefined ? undefined : (JSON.parse(values.groups) as GroupsPlace),
    tls: {
      cert: readFileSync(option('tls-cert'), 'utf8'),
      key: readFileSync(option('tls-key'), 'utf8'),
      ca: readFileSync(option('tls-ca'), 'utf8'),
    },
    log,
  })
  await new Promise((resolve) => process.once('SIGTERM', resolve))
  await agent.close()
  return 0
}
