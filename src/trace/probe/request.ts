import { randomInt } from 'node:crypto'
import type { Netns } from '../../kernel/netns.ts'
import { connectTcp } from '../../kernel/socket.ts'
import { decodeMessage } from '../../dns/wire/codec.ts'
import { rcodeName } from '../../dns/wire/message.ts'
import { sendDatagram } from './datagram.ts'
import { get, type HttpAnswer, resetText } from './http.ts'
import { outcomes } from './outcomes.ts'
import { sendPacket } from './packet.ts'
import { answerTo } from './is-answer.ts'
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
  const accepts = spec.kind === 'dns' ? (bytes: Buffer): boolean => answerTo(payload, bytes) !== undefined : undefined
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

type Outcome = Extract<Answer, { kind: 'sent' }>['outcome']

/** TCP alone ends when the connection stands; HTTP when the answer's head is there. */
function connection(spec: ConnectionSpec, ns: Netns | undefined, signal: AbortSignal): Promise<Answer> {
  const started = performance.now()
  const socket = connectTcp({ ...(ns && { ns }), address: spec.to.address, port: spec.to.port, from: spec.from })
  return new Promise<Answer>((resolve, reject) => {
    let connected = false
    const done = (outcome: Outcome, more: Partial<HttpAnswer> = {}): void =>
      resolve({ kind: 'sent', outcome, ms: performance.now() - started, ...more })
    const giveUp = (): void => {
      if (!connected) done('timeout')
      else
        done(
          'connected',
          socket.bytesRead > 0 ? { status: `only the beginning of an answer came: ${socket.bytesRead} bytes` } : {},
        )
    }
    const timer = setTimeout(giveUp, spec.timeoutMs)
    signal.addEventListener('abort', giveUp, { once: true })
    socket.once('close', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      giveUp()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // A reset before the connection stands is ECONNREFUSED: here it stood, and was reset before this process looked.
      if (error.code === 'ECONNRESET' && !connected) return done('connected', { status: resetText })
      // What happens to a connection that stands is told by who asks over it.
      if (connected) return
      const outcome = outcomes[error.code ?? '']
      if (outcome) done(outcome)
      else reject(error)
    })
    socket.once('connect', () => {
      connected = true
      if (spec.kind === 'tcp') done('answered')
      else
        void get(spec, socket).then(
          (answer) => done('answered', answer),
          (error: Error) => done('connected', { status: error.message }),
        )
    })
  }).finally(() => socket.destroy())
}
