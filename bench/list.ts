import type { Bench } from './harness/bench.ts'

/** Every bench, in the order of the overview. Each is loaded when it runs. */
export const benches: Record<string, () => Promise<{ bench: Bench }>> = {
  up: () => import('./up.ts'),
  memory: () => import('./memory.ts'),
  pods: () => import('./pods.ts'),
  crowd: () => import('./crowd.ts'),
  services: () => import('./services.ts'),
  dns: () => import('./dns.ts'),
  doctor: () => import('./doctor.ts'),
  facts: () => import('./facts.ts'),
  wire: () => import('./wire.ts'),
  trace: () => import('./trace.ts'),
  watched: () => import('./watched.ts'),
}
