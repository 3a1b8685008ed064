import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** Questions under way at once: enough to keep a server busy, few enough to overflow no socket. */
const underWay = 100

/** How many answers came within the time. Rejects when they stop coming. */
export async function load(port: number, questions: readonly Buffer[], milliseconds: number): Promise<number> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 21 })
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let asked = 0
  let answered = 0
  let seen = 0
  const ask = (): void => socket.send(questions[asked++ % questions.length] ?? Buffer.alloc(0))
  socket.on('message', () => {
    answered++
    ask()
  })
  socket.on('error', reject)
  const watch = setInterval(() => {
    if (answered === seen) reject(new Error(`no answer for ${watchMilliseconds} ms`))
    seen = answered
  }, watchMilliseconds)
  const end = setTimeout(() => resolve(answered), milliseconds)
  for (let one = 0; one < underWay; one++) ask()
  return promise.finally(() => {
    clearInterval(watch)
    clearTimeout(end)
    socket.close()
  })
}

const watchMilliseconds = 500
