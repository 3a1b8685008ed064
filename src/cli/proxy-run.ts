import { inCluster } from '../api/client/http.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import { type Cidr, parseAddress, parseCidr } from '../base/address.ts'
import { makeLog } from '../base/log.ts'
import { type Place, usualPlaces } from '../proxy/operations.ts'
import type { NodePortAddresses } from '../proxy/own-node.ts'
import { startProxy } from '../proxy/proxy.ts'
import { parse, UsageError } from './usage.ts'

/** `kubehop proxy run`: the service proxy of this machine alone, until it is told to end (SIGTERM, SIGINT). What the kernel holds stays. */
export async function proxyRun(args: string[]): Promise<number> {
  const { values } = parse({
    args,
    options: {
      node: { type: 'string' },
      'cluster-cidr': { type: 'string' },
      'service-cidr': { type: 'string' },
      kubeconfig: { type: 'string' },
      'nodeport-addresses': { type: 'string', default: 'primary' },
      'masquerade-all': { type: 'boolean', default: false },
      'no-service-counters': { type: 'boolean', default: false },
      healthz: { type: 'string' },
      metrics: { type: 'string' },
      lock: { type: 'string' },
    },
  })
  const nodeName = needed('node', values.node)
  const podCidr = rangeOf('cluster-cidr', needed('cluster-cidr', values['cluster-cidr']))
  const serviceCidr = rangeOf('service-cidr', needed('service-cidr', values['service-cidr']))
  const nodePortAddresses = nodePortsOn(values['nodeport-addresses'])
  const places = { ...placeOf('healthz', values.healthz), ...placeOf('metrics', values.metrics) }
  const log = makeLog('proxy')
  const ended = Promise.race([signal('SIGTERM'), signal('SIGINT')])
  const client =
    values.kubeconfig === undefined
      ? inCluster({ component: 'proxy', log })
      : await fromKubeconfig(values.kubeconfig, { component: 'proxy', log })
  try {
    const proxy = startProxy({
      client,
      nodeName,
      podCidr,
      serviceCidr,
      nodePortAddresses,
      masqueradeAll: values['masquerade-all'],
      counters: !values['no-service-counters'],
      ...places,
      lock: values.lock ?? `/run/kubehop/proxy-ipv${serviceCidr.family}`,
      log,
    })
    await Promise.race([proxy.synced, ended])
    await ended
    proxy.close()
  } finally {
    client.close()
  }
  return 0
}

function signal(name: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => process.once(name, () => resolve()))
}

function needed(name: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`--${name} is missing`)
  return value
}

function rangeOf(name: string, text: string): Cidr {
  const range = parseCidr(text)
  if (!range) throw new UsageError(`--${name} "${text}" is no address range; it looks like 10.244.0.0/16`)
  return range
}

function nodePortsOn(text: string): NodePortAddresses {
  if (text === 'primary') return text
  return text.split(',').map((range) => rangeOf('nodeport-addresses', range.trim()))
}

/** The usual place when nothing is said; `0` for none. */
function placeOf(name: 'healthz' | 'metrics', text: string | undefined): { [K in typeof name]?: Place } {
  if (text === '0') return {}
  if (text === undefined) return { [name]: usualPlaces[name] }
  const [, host = '', port] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  const address = parseAddress(host.replace(/^\[(.*)\]$/, '$1'))
  if (address === undefined || !(Number(port) >= 1 && Number(port) <= 65535))
    throw new UsageError(
      `--${name} "${text}" is no address and port; it looks like ${usualPlaces[name].address}:${usualPlaces[name].port}`,
    )
  return { [name]: { address, port: Number(port) } }
}
