// The shop's memory: keys and values over TCP, a line each. Every change is appended to a file, so that a restart loses nothing.
//
//   PING            PONG                     GET key       VALUE text | NONE
//   SET key text    OK                       LIST prefix   LIST n, then n lines "key text"
//   INCR key        VALUE number             anything else ERROR why

import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'

const longestLine = 16 * 1024
const mostKeys = 100_000

export function createStore(file: string): Server {
  const values = load(file)
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    eachLine(socket, (line) => answer(values, line, (change) => appendFileSync(file, `${change}\n`)))
  })
  return server
}

function answer(values: Map<string, string>, line: string, save: (change: string) => void): string {
  const [, verb = '', key = '', text = ''] = /^(\S*) ?(\S*) ?(.*)$/.exec(line) ?? []
  const set = (value: string): void => {
    save(`${key} ${value}`)
    values.set(key, value)
  }
  switch (verb) {
    case 'PING':
      return 'PONG'
    case 'GET':
      return values.has(key) ? `VALUE ${values.get(key)}` : 'NONE'
    case 'LIST': {
      const found = [...values].filter(([name]) => name.startsWith(key))
      return [`LIST ${found.length}`, ...found.map(([name, value]) => `${name} ${value}`)].join('\n')
    }
    case 'SET':
    case 'INCR': {
      if (key === '') return `ERROR ${verb} needs a key`
      if (!values.has(key) && values.size >= mostKeys) return 'ERROR full'
      if (verb === 'SET') set(text)
      else set(String((Number(values.get(key) ?? 0) || 0) + 1))
      return verb === 'SET' ? 'OK' : `VALUE ${values.get(key)}`
    }
    default:
      return `ERROR unknown: ${verb.slice(0, 32)}`
  }
}

/** The last value of each key counts; the file is written anew without the others. */
function load(file: string): Map<string, string> {
  const values = new Map<string, string>()
  if (!existsSync(file)) return values
  for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
    const space = line.indexOf(' ')
    values.set(line.slice(0, space), line.slice(space + 1))
  }
  writeFileSync(`${file}.new`, [...values].map(([key, value]) => `${key} ${value}\n`).join(''))
  renameSync(`${file}.new`, file)
  return values
}

function eachLine(socket: Socket, answerTo: (line: string) => string): void {
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) socket.write(`${answerTo(line.replace(/\r$/, ''))}\n`)
    if (rest.length > longestLine) socket.end('ERROR line too long\n')
  })
}

if (import.meta.main) {
  const server = createStore(`${process.env['DATA'] ?? '.'}/store.log`)
  server.listen(6379, () => console.log('store: listening on port 6379'))
  // The first process of a container gets no default for SIGTERM: without this line its end takes the whole grace period.
  process.on('SIGTERM', () => process.exit(0))
}
