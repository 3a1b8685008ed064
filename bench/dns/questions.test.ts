import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read } from '../../src/dns/testing/ask.ts'
import { members } from './cluster.ts'
import { messagesOf } from './questions.ts'

const all = members(200)

test('every run asks the same', () => {
  assert.deepEqual(messagesOf('mix', all), messagesOf('mix', all))
})

test('the mix has pairs of A and AAAA, search-list misses before what is there, SRV and PTR, some with EDNS', () => {
  const messages = messagesOf('mix', all).map(read)
  const questions = messages.map(({ questions: [one] }) => ({ name: one?.name ?? '', type: one?.type ?? 0 }))
  const part = (of: (one: { name: string; type: number }) => boolean): number =>
    questions.filter(of).length / questions.length
  const misses = part(({ name }) => /\.(com|local)\.(team-\d+\.)?(svc\.)?cluster\.local$/.test(name))
  assert.ok(misses > 0.4 && misses < 0.6, String(misses))
  assert.ok(Math.abs(part(({ type }) => type === 1) - part(({ type }) => type === 28)) < 0.001)
  for (const type of [12, 33]) assert.ok(part((one) => one.type === type) > 0.01, `type ${type}`)
  const edns = messages.filter(({ additionals }) => additionals.length > 0).length / messages.length
  assert.ok(edns > 0.25 && edns < 0.35, String(edns))
})
