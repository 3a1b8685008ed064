import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { pino } from 'pino'
import { address } from '../../src/base/address.ts'
import { defaults } from '../../src/dns/config/config.ts'
import { startDns } from '../../src/dns/dns.ts'
import { bigCluster, clientOf } from './cluster.ts'

// One contestant: node bench/dns/server.ts echo|kubehop SERVICES. Tells its port first, then its state whenever it is asked.

export interface State {
  cpuMilliseconds: number
  megabytes: number
  loadedMilliseconds: number
}

const [kind, services] = process.argv.slice(2)
let loadedMilliseconds = 0
const port = kind === 'echo' ? await echo() : await kubehop(Number(services))
process.on('message', () => process.send?.(state()))
process.on('disconnect', () => process.exit(0))
process.send?.(port)

function state(): State {
  const { user, system } = process.cpuUsage()
  return {
    cpuMilliseconds: (user + system) / 1000,
    megabytes: process.memoryUsage.rss() / 1e6,
    loadedMilliseconds,
  }
}

async function echo(): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 21 })
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket.address().port
}

async function kubehop(count: number): Promise<number> {
  const client = clientOf(bigCluster(count))
  const log = pino({ level: 'warn' })
  const begun = performance.now()
  const config = { ...defaults, listen: [{ address: address('127.0.0.1'), port: 0 }] }
  const dns = await startDns({ client, config, log })
  await dns.synced
  loadedMilliseconds = performance.now() - begun
  return dns.ports.dns[0] ?? 0
}
