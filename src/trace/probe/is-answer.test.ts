import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage } from '../../dns/wire/codec.ts'
import { flags, type Message, types } from '../../dns/wire/message.ts'
import { answerTo } from './is-answer.ts'
import { encodeQuestion } from './questions.ts'

const asked = encodeQuestion(7, 'web.test')
const reply = (more: Partial<Message> = {}): Buffer =>
  encodeMessage({
    id: 7,
    flags: flags.QR,
    rcode: 0,
    questions: [{ name: 'WEB.test', type: types.A, class: 1 }],
    answers: [],
    authorities: [],
    additionals: [],
    ...more,
  })

test('an answer is a response to this very question; capitals do not count', () => {
  assert.equal(answerTo(asked, reply())?.id, 7)
  const others: Partial<Message>[] = [
    { id: 8 },
    { flags: 0 },
    { questions: [] },
    { questions: [{ name: 'api.test', type: types.A, class: 1 }] },
    { questions: [{ name: 'web.test', type: types.AAAA, class: 1 }] },
    { questions: [{ name: 'web.test', type: types.A, class: 3 }] },
  ]
  for (const other of others) assert.equal(answerTo(asked, reply(other)), undefined, JSON.stringify(other))
  assert.equal(answerTo(asked, Buffer.from('no message')), undefined)
})

test('who cannot read a question need not repeat it', () => {
  assert.equal(answerTo(asked, reply({ questions: [], rcode: 1 }))?.rcode, 1)
})
