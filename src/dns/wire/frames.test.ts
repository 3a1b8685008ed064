import assert from 'node:assert/strict'
import { test } from 'node:test'
import { framed, Frames } from './frames.ts'

test('a message in a stream has its length before it', () => {
  assert.deepEqual(framed(Buffer.from('ab')), Buffer.from([0, 2, 97, 98]))
  assert.deepEqual(framed(Buffer.alloc(0x1234)).subarray(0, 3), Buffer.from([0x12, 0x34, 0]))
})

test('a stream is the same messages however it is cut', () => {
  const messages = [0, 1, 2, 12, 300, 65_535, 0, 40].map((length, at) => Buffer.alloc(length, at + 1))
  const stream = Buffer.concat(messages.map(framed))
  for (const size of [1, 2, 3, 7, 1000, 65_536, stream.length]) {
    const frames = new Frames()
    const came: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) {
      frames.push(Buffer.from(stream.subarray(at, at + size)))
      for (let message = frames.next(); message; message = frames.next()) came.push(message)
    }
    assert.deepEqual(came, messages, `${size} bytes at a time`)
    assert.ok(frames.empty)
  }
})
