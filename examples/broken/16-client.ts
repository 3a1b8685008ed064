// Asks the service fifty times a second: over one connection that it keeps, or, with KEEP_ALIVE=no, over a new one each time.
import { Agent, get, type IncomingMessage } from 'node:http'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

const agent = new Agent({ keepAlive: process.env['KEEP_ALIVE'] !== 'no', maxSockets: 1 })
for (let last = ''; ; ) {
  try {
    const [response] = (await once(get('http://web/', { agent }), 'response')) as [IncomingMessage]
    const [who = ''] = /hello from \S+/.exec(Buffer.concat((await response.toArray()) as Buffer[]).toString()) ?? []
    if (who !== last) console.log(who)
    last = who
  } catch (error) {
    console.log((error as Error).message)
  }
  await setTimeout(20)
}
