import { anyLabel, anyName, wire } from './names.ts'
import type { Random } from './random.ts'

/** One message that a server may get: good questions, spoiled ones, ones made to hurt, and anything. It is overwritten by the next. */
export function anyMessage(random: Random): Buffer {
  const kind = random.below(16)
  if (kind < 7) return question(random)
  if (kind < 10) return spoiled(question(random), random)
  if (kind < 13) return crafted(random)
  if (kind < 14) return spoiled(crafted(random), random)
  return random.once(3) ? behindHeader(random) : random.once(4) ? crafted(random) : anything(random)
}

const room = Buffer.alloc(0x10000)
const types = [1, 28, 33, 12, 16, 5, 6, 2, 255, 41, 65, 64, 15, 13, 251, 252, 250, 0, 0xffff]
const sizes = [0, 1, 511, 512, 513, 1200, 1232, 1400, 4096, 4097, 65535]

/** Where the next byte of `room` goes. */
let end = 0

function u16(value: number): void {
  end = room.writeUInt16BE(value & 0xffff, end)
}

function text(bytes: string): void {
  end += room.write(bytes, end, 'latin1')
}

function header(random: Random, word: number, counts: readonly [number, number, number, number]): void {
  end = 0
  u16(random.u32())
  u16(word)
  for (const count of counts) u16(count)
}

/** RD, AD, CD and the bit that must be zero as they come; no answer, opcode QUERY. */
function goodWord(random: Random): number {
  return random.once(4) ? random.u32() & 0x07ff : 0x0100
}

function asked(random: Random, name: string): void {
  text(random.once(3) ? mixed(name, random) : name)
  u16(random.once(20) ? random.u32() : random.once(3) ? random.pick(types) : random.once(2) ? 1 : 28)
  u16(random.once(30) ? random.pick([0, 3, 4, 254, 255, 0xffff]) : 1)
}

function question(random: Random): Buffer {
  const withOpt = random.once(2)
  header(random, goodWord(random), [1, 0, 0, withOpt ? 1 : 0])
  asked(random, anyName(random))
  if (withOpt) opt(random)
  return room.subarray(0, end)
}

function opt(random: Random): void {
  room[end++] = 0
  u16(41)
  u16(random.once(4) ? random.u32() : random.pick(sizes))
  room[end++] = random.once(20) ? random.u32() : 0
  room[end++] = random.once(20) ? random.u32() : 0
  u16(random.once(3) ? (random.once(4) ? random.u32() : 0x8000) : 0)
  const length = end
  u16(0)
  for (let left = random.once(3) ? random.below(4) : 0; left > 0; left--) {
    // Client subnet, cookie, keepalive, padding, extended error, "who says so"; some lie about their length.
    u16(random.once(4) ? random.u32() : random.pick([8, 10, 11, 12, 15, 3, 65_001]))
    const size = random.below(40)
    u16(random.once(20) ? random.u32() : size)
    random.fill(room, end, end + size)
    end += size
  }
  room.writeUInt16BE(end - length - 2, length)
}

/** A record of any type, its data made of anything. */
function record(random: Random): void {
  text(random.once(3) ? '\xc0\x0c' : anyName(random))
  u16(random.pick(types))
  u16(random.once(4) ? random.u32() : 1)
  u16(random.u32())
  u16(random.u32())
  const size = random.below(30)
  u16(size)
  random.fill(room, end, end + size)
  end += size
}

/** What the RFCs forbid or leave open, one thing at a time. */
function crafted(random: Random): Buffer {
  const word = goodWord(random)
  switch (random.below(10)) {
    case 0: {
      // A pointer in the question: to itself, forward, into the header, anywhere.
      header(random, word, [1, 0, 0, 0])
      const before = random.below(3)
      for (let at = 0; at < before; at++) text(wire([anyLabel(random)]).slice(0, -1))
      u16(0xc000 | random.pick([end, 12, 0, end + 2, random.below(0x4000)]))
      u16(1)
      u16(1)
      break
    }
    case 1: {
      // A label that is too long, of a reserved kind, or empty in the middle of the name.
      header(random, word, [1, 0, 0, 0])
      text(random.pick([wire(['x'.repeat(64 + random.below(190))]), wire(['svc1', '', 'testns'])]))
      u16(1)
      u16(1)
      break
    }
    case 2:
      header(random, word, [random.pick([0, 2, 3, 0xffff]), 0, 0, 0])
      for (let left = random.below(4); left > 0; left--) asked(random, anyName(random))
      break
    case 3:
      header(random, word, [1, random.below(3), random.below(3), random.pick([0, 1, 2, 0xffff])])
      asked(random, anyName(random))
      for (let left = random.below(5); left > 0; left--) random.pick([opt, record, record])(random)
      break
    case 4: {
      const records = random.below(4)
      header(random, word, [1, 0, 0, records + 1])
      asked(random, anyName(random))
      for (let left = records; left > 0; left--) record(random)
      opt(random)
      break
    }
    case 5:
      header(random, word, [1, 0, 0, 2])
      asked(random, anyName(random))
      opt(random)
      opt(random)
      break
    case 6:
      // Any opcode; answers among them.
      header(random, random.u32() & 0xffff, [1, 0, 0, 0])
      asked(random, anyName(random))
      break
    case 7: {
      const [answers, authorities] = random.once(2) ? [1, 0] : [0, 1]
      header(random, word, [1, answers, authorities, 0])
      asked(random, anyName(random))
      random.pick([opt, record])(random)
      break
    }
    case 8: {
      // IXFR as it is asked, with the serial that the client has.
      header(random, word, [1, 0, 1, 0])
      text('\x07cluster\x05local\0\0\xfb\0\x01\xc0\x0c\0\x06\0\x01')
      random.fill(room, end, end + 20)
      end += 20
      break
    }
    default:
      header(random, word, [1, 0, 0, 0])
      asked(random, anyName(random))
      random.fill(room, end, end + 20)
      end += 1 + random.below(20)
  }
  return room.subarray(0, end)
}

function spoiled(message: Buffer, random: Random): Buffer {
  let length = message.length
  for (let left = 1 + random.below(random.once(2) ? 1 : 8); left > 0; left--) {
    const at = random.below(length + 1)
    switch (random.below(6)) {
      case 0:
        room[at] = random.u32()
        break
      case 1:
        room[at] = (room[at] ?? 0) ^ (1 << random.below(8))
        break
      case 2:
        room[at] = random.pick([0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff])
        break
      case 3:
        length = at
        break
      case 4:
        // A piece of it once more, or gone.
        length = Math.min(length + random.below(30), 0xffff)
        room.copyWithin(at, random.below(length), length)
        break
      default:
        if (at >= 12) break
        room.writeUInt16BE(random.pick([0, 1, 2, 0xff, 0x100, 0xffff]), at & ~1)
    }
  }
  return room.subarray(0, length)
}

function behindHeader(random: Random): Buffer {
  header(random, goodWord(random), [1, 0, 0, random.below(2)])
  const length = 12 + random.below(60)
  random.fill(room, 12, length)
  if (random.once(2)) room[12 + random.below(20)] = 0
  return room.subarray(0, length)
}

function anything(random: Random): Buffer {
  const length = random.once(200) ? random.below(0x10000) : random.once(3) ? random.below(14) : random.below(600)
  if (random.once(10)) room.fill(random.pick([0, 1, 0x3f, 0xc0, 0xff]), 0, length)
  else random.fill(room, 0, length)
  return room.subarray(0, length)
}

function mixed(name: string, random: Random): string {
  let out = ''
  for (let at = 0; at < name.length; at++) {
    const char = name[at] ?? ''
    out += random.once(2) && char >= 'a' && char <= 'z' ? char.toUpperCase() : char
  }
  return out
}
