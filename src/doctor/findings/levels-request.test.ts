import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import type { Case } from '../../trace/case.ts'
import { parseTarget } from '../../trace/ask/target.ts'
import { type Told, tell } from '../../trace/tell/tell.ts'
import { told } from '../../trace/testing/across.ts'
import type { View } from '../types.ts'
import { checks } from './index.ts'
import { now } from './testing.ts'

/** A request that never went out, for what the objects alone say of it. */
function asked(to: string, change: Partial<Told> = {}): View {
  let request: Case | undefined
  const target = parseTarget(to)
  tell({ ...told, dns: [], observations: [], result: undefined, to: undefined, target, ...change }, (one) => {
    request = one
    return []
  })
  assert.ok(request)
  return { cluster: request.cluster, ranges: request.ranges, machines: [], now, request }
}
const refused = { kind: 'sent', outcome: 'refused', ms: 1 } as const
const bank = { ...told.cluster.services[0], metadata: { name: 'bank', namespace: 'money' } } as Service

const rows: readonly [code: string, level: string, sure: string, of: View][] = [
  ['NameUnknown', 'error', 'certain', asked('http://wbe/')],
  ['NameElsewhere', 'error', 'certain', asked('http://bank/', { cluster: { ...told.cluster, services: [bank] } })],
  [
    'NoSuchPort',
    'error',
    'certain',
    asked('http://web:8080/', { to: { address: address('100.64.0.20'), port: 8080 }, result: refused }),
  ],
  [
    'NoSuchService',
    'error',
    'certain',
    asked('100.64.0.98:80', { to: { address: address('100.64.0.98'), port: 80 }, result: refused }),
  ],
  ['SaidNo', 'info', 'certain', asked('http://wbe/')],
  [
    'ServicePinged',
    'error',
    'certain',
    asked('icmp://100.64.0.20', {
      to: { address: address('100.64.0.20'), port: 0 },
      result: { kind: 'sent', outcome: 'timeout', ms: 1 },
    }),
  ],
]

for (const [code, level, sure, of] of rows)
  test(`${code}: ${level}, ${sure}`, () => {
    const found = checks.flatMap((check) => check.find(of))
    const one = found.find((finding) => finding.code === code)
    assert.deepEqual([one?.level, one?.sure], [level, sure], JSON.stringify(found, null, 1))
    assert.ok((one?.evidence.length ?? 0) > 0)
  })
