import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Measured, MeasuredFamily } from './channel.ts'
import { lasting, sumOf } from './sum.ts'

const family = (name: string, type: MeasuredFamily['type'], text: string): MeasuredFamily => ({
  name,
  type,
  help: 'of no matter',
  text,
})

const one: Measured = {
  cells: Float64Array.of(1, 2, 3),
  families: [
    family('asked_total', 'counter', 'asked_total{to="a b"} 3\nasked_total{to="c"} 1\n'),
    family('kubehop_dns_in_flight', 'gauge', 'kubehop_dns_in_flight 2\n'),
    family('kubehop_dns_api_connected', 'gauge', 'kubehop_dns_api_connected 1\n'),
    family('kubehop_dns_api_last_word_seconds', 'gauge', 'kubehop_dns_api_last_word_seconds 0.5\n'),
  ],
}
const other: Measured = {
  cells: Float64Array.of(10, 20, 30),
  families: [
    family('asked_total', 'counter', 'asked_total{to="a b"} 4\n'),
    family('kubehop_dns_in_flight', 'gauge', 'kubehop_dns_in_flight 5\n'),
    family('kubehop_dns_api_connected', 'gauge', 'kubehop_dns_api_connected 0\n'),
    family('kubehop_dns_api_last_word_seconds', 'gauge', 'kubehop_dns_api_last_word_seconds 7\n'),
    family('process_max_fds', 'gauge', 'process_max_fds +Inf\n'),
  ],
}

test('several are told as one: counts are added, and of states the worst one counts', () => {
  const { cells, families } = sumOf([one, other])
  assert.deepEqual([...cells], [11, 22, 33])
  assert.equal(
    families.map(({ text }) => text).join(''),
    `asked_total{to="a b"} 7
asked_total{to="c"} 1
kubehop_dns_in_flight 7
kubehop_dns_api_connected 0
kubehop_dns_api_last_word_seconds 7
process_max_fds +Inf
`,
  )
})

test('of one that has ended the counts stay, and the states go', () => {
  const { cells, families } = sumOf([lasting(one), { cells: new Float64Array(), families: [] }])
  assert.deepEqual([...cells], [1, 2, 3])
  assert.deepEqual(
    families.map(({ name }) => name),
    ['asked_total'],
  )
})
