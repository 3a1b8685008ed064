import type { IntOrString } from '../../api/objects/meta.ts'
import type { Container } from '../../api/objects/pod.ts'

/**
 * `warning`: well, and worth an event. `unknown`: it could not be tried, which says nothing about the container. `gone`: nor does it to anybody else, for the
 * container has ended meanwhile.
 */
export type ProbeOutcome = 'success' | 'warning' | 'failure' | 'unknown' | 'gone'

export interface ProbeResult {
  outcome: ProbeOutcome
  /** For people, as kubelet words it. */
  say: string
}

export interface ProbeTarget {
  container: Container
  podIP: string
  /** Runs a command in the container; rejects when it cannot be started, with Invalid when the container runs no more. `code` is undefined when it took too long and was ended. */
  exec: (command: string[], timeoutMs: number) => Promise<{ code: number | undefined; output: string }>
}

/** A name is that of one of the container's ports. */
export function portOf(port: IntOrString, { ports = [] }: Container): number {
  if (typeof port === 'number') return port
  const number = ports.find(({ name }) => name === port)?.containerPort ?? Number(port)
  if (Number.isInteger(number) && number > 0 && number < 65536) return number
  throw new TypeError(`couldn't find port: ${JSON.stringify(port)}; the container has ${named(ports)}`)
}

function named(ports: { name?: string }[]): string {
  const names = ports.flatMap(({ name }) => name ?? [])
  return names.length === 0 ? 'no named port' : `the ports ${names.join(', ')}`
}
