import { connect, type Socket } from 'node:net'

/** Talks to the store over one connection, made when it is needed and again when it broke. */
export interface StoreClient {
  ping(): Promise<void>
  set(key: string, text: string): Promise<void>
  /** Adds one, and says what it is now. */
  increment(key: string): Promise<number>
  list(prefix: string): Promise<[key: string, text: string][]>
  close(): void
}

const patienceMs = 2000

/** `address` is `host:port`. */
export function storeClient(address: string): StoreClient {
  const [host = '', port = '6379'] = address.split(':')
  let socket: Socket | undefined
  const waiting: Question[] = []

  function open(): Socket {
    let rest = ''
    const made = connect({ host, port: Number(port) })
    made.setEncoding('utf8').setNoDelay(true)
    made.setTimeout(patienceMs, () => {
      if (waiting.length > 0) made.destroy(new Error(`store at ${address}: no answer within ${patienceMs} ms`))
    })
    made.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(line)
    })
    const fail = (error: Error): void => {
      if (socket !== made) return
      socket = undefined
      for (const question of waiting.splice(0)) question.reject(error)
    }
    made.on('error', fail)
    made.on('close', () => fail(new Error(`store at ${address}: connection closed`)))
    return made
  }

  /** Answers come in the order of the questions. */
  function take(line: string): void {
    const question = waiting[0]
    if (!question) return
    question.lines.push(line)
    const more = /^LIST (\d+)$/.exec(question.lines[0] ?? '')
    if (question.lines.length <= Number(more?.[1] ?? 0)) return
    waiting.shift()
    if (line.startsWith('ERROR')) question.reject(new Error(`store: ${line}`))
    else question.resolve(question.lines)
  }

  function ask(text: string): Promise<string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<string[]>()
    waiting.push({ lines: [], resolve, reject })
    socket ??= open()
    socket.write(`${text}\n`)
    return promise
  }

  return {
    ping: async () => void (await ask('PING')),
    set: async (key, text) => void (await ask(`SET ${key} ${text}`)),
    increment: async (key) => Number((await ask(`INCR ${key}`))[0]?.replace('VALUE ', '')),
    async list(prefix) {
      const [, ...lines] = await ask(`LIST ${prefix}`)
      return lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)])
    },
    close: () => socket?.destroy(),
  }
}

interface Question {
  readonly lines: string[]
  resolve(lines: string[]): void
  reject(error: Error): void
}
