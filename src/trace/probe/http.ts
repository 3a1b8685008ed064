import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ConnectionSpec } from './spec.ts'

export interface HttpAnswer {
  /** `200 OK`; of a redirect with where to: `301 Moved Permanently, to https://web/` */
  readonly status: string
  /** HTTPS: the names in the certificate, where the one that was asked for is not among them. */
  readonly certificate?: readonly string[]
}

type HttpSpec = Extract<ConnectionSpec, { path: string }>

/** The longest head of an answer that is read, in bytes. */
const longestHead = 16 * 1024
const longestText = 200
const mostNames = 8

/** One GET over a connection that stands. Ends when the answer's head is here: its body is not read. Rejects in plain words. */
export async function get(spec: HttpSpec, plain: Socket): Promise<HttpAnswer> {
  const socket = spec.kind === 'https' ? await encrypted(plain, spec.host) : plain
  const response = await headOf(spec, socket)
  const { statusCode, statusMessage = '', headers } = response
  const to = (statusCode ?? 0) >= 300 && (statusCode ?? 0) < 400 ? headers.location : undefined
  const status = `${statusCode} ${printable(statusMessage)}`.trim()
  const certificate = spec.kind === 'https' ? await strangeNames(socket as TLSSocket, hostOf(spec.host)) : undefined
  return {
    status: to === undefined ? status : `${status}, to ${printable(to)}`,
    ...(certificate && { certificate }),
  }
}

/** What a program does that ends with something unread, or crashes. */
export const resetText = 'it reset the connection without an answer'

function headOf({ host, path }: HttpSpec, socket: Socket): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { host, 'user-agent': 'kubehop-trace', accept: '*/*', connection: 'close' }
    const options = { createConnection: () => socket, path, headers, setHost: false, maxHeaderSize: longestHead }
    const request = httpRequest(options)
    request.once('response', (response) => {
      // It is not read; that it ends in the middle is nobody's fault.
      response.on('error', () => {})
      resolve(response)
    })
    // The socket may have more to say when nobody asks any more: whoever does not listen to errors ends with them.
    request.on('error', (error: ParseError) => reject(new Error(sayFailure(error))))
    request.end()
  })
}

type ParseError = NodeJS.ErrnoException & { rawPacket?: Buffer }

function sayFailure({ code = '', message, rawPacket }: ParseError): string {
  if (code === 'HPE_HEADER_OVERFLOW') return `the head of its answer is longer than ${longestHead / 1024} KB`
  if (code.startsWith('HPE_')) {
    if (rawPacket?.[0] === 0x15 || rawPacket?.[0] === 0x16) return 'it speaks TLS, not HTTP; ask for https://'
    const begin =
      rawPacket === undefined ? '' : `, but ${JSON.stringify(printable(rawPacket.toString('latin1', 0, 40)))}`
    return `what it sent is not HTTP${begin}`
  }
  // Node has one code for both.
  if (code === 'ECONNRESET')
    return message === 'socket hang up' ? 'it ended the connection without an answer' : resetText
  return printable(message)
}

/** The way of the packets is asked about, not the certificate: any is taken. */
async function encrypted(plain: Socket, host: string): Promise<TLSSocket> {
  const { connect } = await import('node:tls')
  const servername = hostOf(host)
  return new Promise((resolve, reject) => {
    const named = /[a-z]/i.test(servername) && !servername.includes(':')
    const socket = connect({ socket: plain, rejectUnauthorized: false, ...(named && { servername }) })
    socket.once('secureConnect', () => resolve(socket))
    socket.on('error', (error: NodeJS.ErrnoException) => reject(new Error(sayTlsFailure(error))))
  })
}

function sayTlsFailure({ code = '', message }: NodeJS.ErrnoException): string {
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'it does not speak TLS; ask for http://'
  if (code === 'ECONNRESET') return 'it ended the connection in the middle of the TLS handshake'
  return `the TLS handshake failed: ${printable(message)}`
}

/** As a client would check it (RFC 9525); undefined when the name is right. */
async function strangeNames(socket: TLSSocket, host: string): Promise<string[] | undefined> {
  const { checkServerIdentity } = await import('node:tls')
  const certificate = socket.getPeerCertificate()
  if (checkServerIdentity(host, certificate) === undefined) return undefined
  const alternative = (certificate.subjectaltname ?? '').split(', ').map((name) => name.replace(/^[A-Za-z ]+:/, ''))
  const common = [certificate.subject?.CN ?? []].flat()
  const names = [...new Set([...alternative, ...common])].filter((name) => name !== '')
  return names.slice(0, mostNames).map(printable)
}

/** Without the port; an IPv6 address without its brackets. */
function hostOf(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
}

/** What others sent, fit for a terminal. */
function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?')
  return clean.length > longestText ? `${clean.slice(0, longestText)}...` : clean
}
