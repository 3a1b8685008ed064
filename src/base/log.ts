import { pino } from 'pino'

/** Structured log lines on stderr, one JSON object each; `component` names the room or agent. */
export type Log = pino.Logger

export function makeLog(component: string, level: string = process.env['KUBEHOP_LOG'] ?? 'info'): Log {
  return pino(
    { level, base: { component }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  )
}
