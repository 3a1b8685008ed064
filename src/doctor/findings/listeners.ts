import type { Listener } from '../../trace/observation.ts'

export function isLoopback({ address }: Pick<Listener, 'address'>): boolean {
  return address.startsWith('127.') || address === '::1'
}
