import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { localClient } from '../../../src/api/client/local.ts'
import type { AnyObject } from '../../../src/api/json.ts'
import { bootstrap } from '../../../src/api/registry/bootstrap.ts'
import { Registry } from '../../../src/api/registry/registry.ts'
import { Store } from '../../../src/api/store/store.ts'
import { address, cidr } from '../../../src/base/address.ts'
import type { Log } from '../../../src/base/log.ts'
import { defaults, type DnsConfig, forwardDefaults } from '../../../src/dns/config/config.ts'
import { startDns } from '../../../src/dns/dns.ts'
import { service, slice } from '../../../src/dns/testing/cluster.ts'
import { resolvConf } from '../../../src/pod/sandbox/files.ts'
import type { Files } from './program.ts'
import { interwebs } from './upstream.ts'

const log = pino({ level: process.env['KUBEHOP_LOG'] ?? 'silent' })
const local = address('127.0.0.1')

/** Of `big`: more than one datagram holds. */
export const bigAddresses: string[] = Array.from({ length: 120 }, (_, at) => `172.16.1.${at}`).sort()

export interface Shop extends AsyncDisposable {
  /** What a pod of namespace `shop` has in /etc. */
  readonly files: Files
  /** The same with another resolv.conf. */
  filesWith(resolvConf: (usual: string) => string): Files
  /** For files of a test; goes with the shop. */
  readonly folder: string
  /** What came to the name server outside: `udp NAME`. */
  readonly asked: readonly string[]
}

export interface ShopOptions {
  readonly config?: Partial<DnsConfig>
  /** Hears of every question. */
  readonly queries?: Log
}

/** A cluster with a few services in namespace `shop`, where a pod asks from 127.0.0.1, and its name server at 127.0.0.1 and ::1, port 53. */
export async function openShop({ config = {}, queries }: ShopOptions = {}): Promise<Shop> {
  const stack = new AsyncDisposableStack()
  const store = new Store()
  const registry = new Registry({ store, serviceCidr: '10.0.0.0/16' })
  bootstrap(registry)
  // Straight into the store: the registry gives addresses of one family.
  for (const object of structuredClone(objects) as AnyObject[]) store.put(object.kind as 'Service', object)
  const client = localClient({ registry })
  stack.defer(() => client.close())
  const upstream = await interwebs()
  stack.defer(() => upstream.close())
  const dns = await startDns({
    client,
    log: queries ?? log,
    config: {
      ...defaults,
      queryLog: queries ? 'all' : 'off',
      listen: [local, address('::1')].map((one) => ({ address: one, port: 53 })),
      reverse: [cidr('10.0.0.0/16'), cidr('172.16.0.0/16')],
      forward: { ...forwardDefaults, to: [{ address: local, port: upstream.port }] },
      ...config,
    },
  })
  stack.defer(() => dns.close())
  await dns.synced
  const folder = mkdtempSync(join(tmpdir(), 'shop-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
  return {
    files: filesIn(folder),
    filesWith: (change) => filesIn(mkdtempSync(join(folder, 'etc-')), change),
    folder,
    asked: upstream.asked,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

function filesIn(folder: string, change = (text: string): string => text): Files {
  const { text } = resolvConf({ namespace: 'shop', zone: 'cluster.local', clusterDns: [local], nodeConf: '' })
  const texts = { 'resolv.conf': change(text), hosts: '127.0.0.1 localhost\n', 'nsswitch.conf': 'hosts: files dns\n' }
  return Object.fromEntries(
    Object.entries(texts).map(([name, text]) => {
      writeFileSync(join(folder, name), text)
      return [`/etc/${name}`, join(folder, name)]
    }),
  )
}

const http = [{ name: 'http', port: 80, protocol: 'TCP' as const }]
const objects: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
  service('web', { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: http }, 'shop'),
  service('dual', { clusterIP: '10.0.0.3', clusterIPs: ['10.0.0.3', 'fd00::3'], ports: http }, 'shop'),
  service('six', { clusterIP: 'fd00::6', clusterIPs: ['fd00::6'], ports: http }, 'shop'),
  service('db', { clusterIP: 'None', clusterIPs: ['None'], ports: http }, 'shop'),
  slice('db', ['172.16.0.2 db-0', '172.16.0.3 db-1'], http, 'shop'),
  service('big', { clusterIP: 'None', clusterIPs: ['None'], ports: http }, 'shop'),
  slice('big', bigAddresses, http, 'shop'),
  service('partner', { type: 'ExternalName', externalName: 'ext.interwebs.test' }, 'shop'),
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'customer', namespace: 'shop' },
    spec: { containers: [] },
    status: { podIP: local },
  },
  service('kube-dns', { clusterIP: '10.0.0.10', clusterIPs: ['10.0.0.10'], ports: http }, 'kube-system'),
]
