// The DNS server as it runs in a pod, in a process of its own: the real client, following an API server over HTTPS. The only file that knows it from inside.
import { pino } from 'pino'
import { connect, type Connection } from '../../src/api/client/http.ts'
import { address } from '../../src/base/address.ts'
import { defaults, type DnsConfig } from '../../src/dns/config/config.ts'
import { startDns } from '../../src/dns/dns.ts'
import { podCidr, serviceCidr } from '../services/make.ts'

const here = { address: address('127.0.0.1'), port: 0 }
const config: DnsConfig = { ...defaults, listen: [here], reverse: [podCidr, serviceCidr], metrics: here }

process.on('message', (connection: Connection) => void start(connection))
process.on('disconnect', () => process.exit(0))

async function start(connection: Connection): Promise<void> {
  const log = pino({ level: 'warn' })
  const dns = await startDns({ client: connect(connection, { component: 'dns', log }), config, log })
  process.send?.({ port: dns.ports.dns[0] })
}
