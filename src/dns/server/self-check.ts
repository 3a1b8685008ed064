import { Agent, get } from 'node:http'
import type { Metrics } from './metrics.ts'

const everyMilliseconds = 1000
const patienceMilliseconds = 3000

/**
 * Asks the server's own /health once a second, as CoreDNS does: how long that takes is how long any message waits for its turn. An answer from itself that
 * takes long means that there is more to do than one core can.
 */
export function checkSelf(at: { address: string; port: number }, metrics: Metrics): { close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const host = at.address === '0.0.0.0' ? '127.0.0.1' : at.address === '::' ? '::1' : at.address
  const check = (): void => {
    const start = performance.now()
    let done = (failed: boolean): void => {
      done = () => {}
      metrics.healthAsked((performance.now() - start) / 1000, failed)
    }
    const options = { host, port: at.port, path: '/health', agent, timeout: patienceMilliseconds }
    const request = get(options, (response) => {
      response.resume().on('end', () => done(response.statusCode !== 200))
    })
    request.on('timeout', () => request.destroy())
    request.on('error', () => done(true))
    request.on('socket', (socket) => socket.unref())
  }
  const timer = setInterval(check, everyMilliseconds).unref()
  return {
    close() {
      clearInterval(timer)
      agent.destroy()
    },
  }
}
