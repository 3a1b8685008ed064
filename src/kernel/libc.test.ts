import assert from 'node:assert/strict'
import { test } from 'node:test'
import { close, declare, declareAsync, errnoOf, KernelError } from './libc.ts'

const eventfd = declare<[number, number]>('int eventfd(unsigned int, int)')
const readLater = declareAsync<[number, Uint8Array, number]>('long read(int, _Out_ void *, unsigned long)')

test('a call that the kernel refuses is an error with its name', () => {
  assert.throws(() => close('close nothing', -1), { op: 'close nothing', code: 'EBADF' })
  assert.equal(new KernelError('ask', 1).code, 'EPERM')
})

test('a call on another thread gives its result, or the errno of that thread', async () => {
  const fd = eventfd('eventfd', 5, 0)
  const count = Buffer.alloc(8)
  assert.deepEqual(
    await Promise.all([readLater(fd, count, 8), readLater(-1, Buffer.alloc(8), 8), readLater(fd, Buffer.alloc(4), 4)]),
    [8, -errnoOf('EBADF'), -errnoOf('EINVAL')],
  )
  assert.equal(count.readBigUInt64LE(), 5n)
  close('close', fd)
})
