const reasons: Partial<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
}

/** A network error in the kernel's words, as Go prints it. */
export function systemReason({ code, message }: NodeJS.ErrnoException): string {
  return reasons[code ?? ''] ?? message
}
