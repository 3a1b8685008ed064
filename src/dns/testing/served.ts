import type { TestContext } from 'node:test'
import { pino } from 'pino'
import type { Client } from '../../api/client/client.ts'
import { localClient } from '../../api/client/local.ts'
import { bootstrap } from '../../api/registry/bootstrap.ts'
import { Registry } from '../../api/registry/registry.ts'
import { Store } from '../../api/store/store.ts'
import { address } from '../../base/address.ts'
import { type DnsConfig, defaults, type Place } from '../config/config.ts'
import { type Dns, type DnsOptions, startDns } from '../dns.ts'
import { type Asking, asker } from './asker.ts'

/** A free port of this machine. */
export const here: Place = { address: address('127.0.0.1'), port: 0 }

/** A cluster in memory. */
export function localCluster(store: Store = new Store()): Client {
  const registry = new Registry({ store, serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  return localClient({ registry })
}

/** Makes a service in namespace `default`. */
export async function createService(client: Client, name: string, clusterIP: string): Promise<void> {
  await client.create('Service', {
    metadata: { name, namespace: 'default' },
    spec: { clusterIP, ports: [{ port: 80 }] },
  })
}

export interface Served {
  readonly dns: Dns
  readonly port: number
  readonly ask: Asking
}

/** A name server that knows its whole cluster, at a free port, until the test ends: then the client is closed, too. */
export async function served(
  t: TestContext,
  client: Client,
  config: Partial<DnsConfig> = {},
  options: Partial<Pick<DnsOptions, 'log' | 'patience'>> = {},
): Promise<Served> {
  const whole = { ...defaults, listen: [here], ...config }
  const dns = await startDns({ client, config: whole, log: pino({ level: 'silent' }), ...options })
  const port = dns.ports.dns[0] ?? 0
  const ask = await asker(port)
  t.after(async () => {
    ask.close()
    await dns.close()
    client.close()
  })
  await dns.synced
  return { dns, port, ask }
}
