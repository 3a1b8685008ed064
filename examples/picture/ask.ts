// Asks a URL and prints the answer: `node ask.ts http://hello/ [how many times]`. Each time over a connection of its own.

import { get } from 'node:http'

const patienceMs = 3000

export function ask(url: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const request = get(url, { agent: false, timeout: patienceMs }, (reply) => {
    let text = ''
    reply.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    reply.on('end', () => resolve(`${reply.statusCode} ${text.trimEnd()}`)).on('error', reject)
  })
  request.on('timeout', () => request.destroy(new Error(`no answer within ${patienceMs} ms`)))
  request.on('error', reject)
  return promise
}

if (import.meta.main) {
  const [url = 'http://localhost:8080/', times = '1'] = process.argv.slice(2)
  for (let i = 0; i < Number(times); i++) {
    const answer = await ask(url).catch((error: Error) => {
      process.exitCode = 1
      return `${url}: ${error.message}`
    })
    console.log(answer)
  }
}
