import { codeOf, KubehopError, messageOf } from '../../base/errors.ts'

/** `upstream`: as `9.9.9.9 port 53`. */
export function timedOut(upstream: string): KubehopError {
  return new KubehopError('dns', 'forward', 'Timeout', `${upstream} did not answer in time`)
}

export function noAnswer(upstream: string): KubehopError {
  return new KubehopError('dns', 'forward', 'NoAnswer', `${upstream} sent something that is no answer`)
}

export function lost(upstream: string, cause: unknown): KubehopError {
  return new KubehopError('dns', 'forward', codeOf(cause) ?? 'Lost', `${upstream}: ${messageOf(cause)}`, { cause })
}

/** This machine lacks sockets, ports or memory, which says nothing about the upstream. */
export function isOurs(error: unknown): boolean {
  return ours.has(codeOf(error) ?? '')
}

const ours = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE'])
