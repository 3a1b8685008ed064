import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { bindUdp, localAddress } from '../../kernel/socket.ts'
import { overflowFamily } from './overflow.ts'

test('what a full socket loses is counted', async () => {
  const read = (): number => Number(String([...(overflowFamily().samples() as Iterable<string>)]).split(' ')[1])
  // Nobody reads this one.
  const fd = bindUdp(undefined, address('127.0.0.1'), 0)
  const before = read()
  const socket = createSocket('udp4')
  socket.connect(localAddress(fd).port, '127.0.0.1')
  await once(socket, 'connect')
  const bytes = Buffer.alloc(8000)
  for (let at = 0; at < 200; at++) await new Promise<void>((resolve) => socket.send(bytes, () => resolve()))
  assert.ok(read() > before + 50)
  socket.close()
  closeSync(fd)
})
