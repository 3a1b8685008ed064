import { request as httpRequest } from 'node:http'
import type { Socket } from 'node:net'
import { randomInt } from 'node:crypto'
import type { Netns } from '../../kernel/netns.ts'
import { connectTcp } from '../../kernel/socket.ts'
import { decodeMessage } from '../../dns/wire/codec.ts'
import { rcodeName } from '../../dns/wire/message.ts'
import { sendDatagram } from './datagram.ts'
import { outcomes } from './outcomes.ts'
import { sendPacket } from './packet.ts'
import { payloadOf } from './payload.ts'
import { encodeQuestion } from './questions.ts'
import { answersOf } from './resolve.ts'
import type { Answer, ConnectionSpec, DatagramSpec, Request } from './spec.ts'

/** Sends one real request from inside a pod's namespace and says what became of it. Ends when `signal` aborts, too. */
export function sendRequest(spec: Request, ns: Netns | undefined, signal: AbortSignal): Promise<Answer> {
  if (spec.kind === 'icmp' || spec.kind === 'sctp') return sendPacket(spec, ns, signal)
  return spec.kind === 'udp' || spec.kind === 'dns' ? datagram(spec, ns, signal) : connection(spec, ns, signal)
}

async function datagram(spec: DatagramSpec, ns: Netns | undefined, signal: AbortSignal): Promise<Answer> {
  const id = randomInt(0x10000)
  const payload = spec.kind === 'dns' ? encodeQuestion(id, spec.name) : payloadOf(spec.size)
  const dontFragment = spec.kind === 'udp' && spec.dontFragment === true
  const { from, to, timeoutMs } = spec
  const accepts = spec.kind === 'dns' ? (bytes: Buffer): boolean => decodeMessage(bytes)?.id === id : undefined
  const result = await sendDatagram({
    ns,
    from,
    to,
    payload,
    timeoutMs,
    dontFragment,
    signal,
    ...(accepts && { accepts }),
  })
  const message = spec.kind === 'dns' && result.outcome === 'answered' ? decodeMessage(result.message) : undefined
  return {
    kind: 'sent',
    outcome: result.outcome,
    ms: result.ms,
    ...(message && { status: [rcodeName(message.rcode), ...answersOf(message).texts].join(' ') }),
  }
}

/** TCP alone ends when the connection stands; HTTP when the answer's head is there. */
function connection(spec: ConnectionSpec, ns: Netns | undefined, signal: AbortSignal): Promise<Answer> {
  const started = performance.now()
  const socket = connectTcp({ ...(ns && { ns }), address: spec.to.address, port: spec.to.port, from: spec.from })
  return new Promise<Answer>((resolve, reject) => {
    let connected = false
    const done = (outcome: Extract<Answer, { kind: 'sent' }>['outcome'], status?: string): void =>
      resolve({ kind: 'sent', outcome, ms: performance.now() - started, ...(status !== undefined && { status }) })
    const giveUp = (): void => done(connected ? 'connected' : 'timeout')
    const timer = setTimeout(giveUp, spec.timeoutMs)
    signal.addEventListener('abort', giveUp, { once: true })
    socket.once('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      giveUp()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const outcome = connected ? 'connected' : outcomes[error.code ?? '']
      if (outcome) done(outcome)
      else reject(error)
    })
    socket.once('connect', () => {
      connected = true
      if (spec.kind === 'tcp') done('answered')
      else
        void overSocket(spec, socket).then(
          (status) => done('answered', status),
          (error: Error) => done('connected', error.message),
        )
    })
  }).finally(() => socket.destroy())
}

/** One GET; resolves with `200 OK` as soon as the answer's head is here. */
async function overSocket(spec: Extract<ConnectionSpec, { path: string }>, plain: Socket): Promise<string> {
  const socket = spec.kind === 'https' ? await encrypted(plain, spec.host) : plain
  return new Promise((resolve, reject) => {
    const headers = { host: spec.host, 'user-agent': 'kubehop-trace', accept: '*/*', connection: 'close' }
    const request = httpRequest({ createConnection: () => socket, path: spec.path, headers, setHost: false })
    request.once('response', (response) => {
      response.resume()
      resolve(`${response.statusCode} ${response.statusMessage}`.trim())
    })
    request.once('error', reject)
    request.end()
  })
}

/** The way of the packets is asked about, not the certificate: any is taken. */
async function encrypted(plain: Socket, host: string): Promise<Socket> {
  const { connect } = await import('node:tls')
  const servername = host.replace(/:\d+$/, '')
  return new Promise((resolve, reject) => {
    const named = /[a-z]/i.test(servername) && !servername.includes(':')
    const socket = connect({ socket: plain, rejectUnauthorized: false, ...(named && { servername }) })
    socket.once('secureConnect', () => resolve(socket))
    socket.once('error', reject)
  })
}
