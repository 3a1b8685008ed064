import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cell, Program, strings } from './program.ts'
import { imageBase, recordSize, stub, waitNumber } from './stub.ts'
import { syscalls } from './syscalls.ts'

/** A record as the stub reads it. */
function record(image: Uint8Array, index: number) {
  const view = new DataView(image.buffer, image.byteOffset + index * recordSize, recordSize)
  const word = (at: number): number => Number(view.getBigUint64(at, true))
  return {
    number: word(0),
    args: [8, 16, 24, 32, 40, 48].map(word),
    store: word(56),
    jump: word(64),
    ignore: word(72),
  }
}
const text = (image: Uint8Array, address: number): string => {
  const from = address - imageBase
  return Buffer.from(image.subarray(from, image.indexOf(0, from))).toString('utf8')
}
const at = (index: number): number => imageBase + index * recordSize

test('calls become records in order, and strings lie behind them, each once', () => {
  const program = new Program()
  program.call('one', 'mkdir', '/a', 0o755)
  program.attempt('two', 'symlink', '/a', '/b')
  const { image, opAt } = program.encode()
  const [one, two] = [record(image, 0), record(image, 1)]
  assert.equal(one.number, syscalls.mkdir)
  assert.equal(text(image, one.args[0] ?? 0), '/a')
  assert.equal(one.args[1], 0o755)
  assert.equal(one.ignore, 0)
  assert.equal(two.args[0], one.args[0])
  assert.equal(text(image, two.args[1] ?? 0), '/b')
  assert.equal(two.ignore, 1)
  assert.deepEqual([opAt(at(0)), opAt(at(1))], ['one', 'two'])
})

test('a result goes straight into the argument of the later call', () => {
  const program = new Program()
  const fd = program.call('open', 'openat', -100, '/a', 0)
  program.call('read', 'write', fd, 'x', 1)
  const { image } = program.encode()
  assert.equal(record(image, 0).store, at(1) + 8)
  program.call('again', 'close', fd)
  assert.throws(() => program.encode(), /the result of "open" is used twice/)
})

test("a fork's parent goes on behind everything, and its jumps and results move with it", () => {
  const program = new Program()
  const pid = cell()
  program.fork('fork', 0, pid, (parent) => {
    const code = parent.wait('wait', pid, cell())
    parent.call('end', 'exit_group', code)
  })
  program.call('child', 'getpid')
  const { image, opAt } = program.encode()
  assert.equal(record(image, 0).jump, at(2))
  assert.equal(opAt(at(2)), 'wait')
  assert.equal(record(image, 2).number, waitNumber)
  assert.equal(record(image, 2).args[0], record(image, 0).store, 'the pid that the fork stored')
  assert.equal(record(image, 2).store, at(3) + 8)
})

test('what a call that succeeds makes unnecessary is jumped over', () => {
  const program = new Program()
  program.unless('probe', 'openat', [-100, '/a', 0], (otherwise) => void otherwise.call('make', 'mkdir', '/a', 0))
  program.call('after', 'getpid')
  const { image } = program.encode()
  assert.equal(record(image, 0).jump, at(2))
  assert.equal(record(image, 0).ignore, 1)
})

test('lists of strings end with a null, whatever the strings are', () => {
  const word = fc.string({ unit: 'binary', maxLength: 40 }).filter((one) => !one.includes('\0') && one.isWellFormed())
  fc.assert(
    fc.property(fc.array(word), (list) => {
      const program = new Program()
      program.call('exec', 'execve', '/x', strings(list), strings([]))
      const { image } = program.encode()
      const from = (record(image, 0).args[1] ?? 0) - imageBase
      const view = new DataView(image.buffer, image.byteOffset + from)
      const addresses = list.map((_, index) => Number(view.getBigUint64(index * 8, true)))
      assert.deepEqual(
        addresses.map((address) => text(image, address)),
        list,
      )
      assert.equal(view.getBigUint64(list.length * 8, true), 0n)
    }),
  )
})

test('a NUL byte and an image that does not fit are refused', () => {
  const nul = new Program()
  nul.call('exec', 'execve', '/x', strings(['a\0b']), 0)
  assert.throws(() => nul.encode(), { code: 'EINVAL' })
  const large = new Program()
  large.call('exec', 'execve', '/x', strings(['x'.repeat(1 << 20)]), 0)
  assert.throws(() => large.encode(), { code: 'TooLarge' })
})

test('the stub is one small ELF file without anything writable', () => {
  const file = Buffer.from(stub())
  assert.equal(file.subarray(0, 4).toString('latin1'), '\x7fELF')
  assert.equal(file.readUInt16LE(56), 2, 'one segment, and what the stack may')
  assert.equal(file.readUInt32LE(68), 5, 'readable and executable')
  assert.equal(file.readUInt32LE(124), 6, 'a stack that is not executable')
  assert.ok(file.length < 600, `${file.length} bytes`)
})
