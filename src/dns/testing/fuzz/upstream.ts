import { readReply } from '../../forward/reply.ts'
import type { Handler, Said } from '../../handlers/handler.ts'
import { anyName } from './names.ts'
import type { Random } from './random.ts'

/** An upstream that says the truth, nonsense, or nothing; at once or later. What is no answer is a failure, as it is to the real one. */
export function hostileUpstream(random: Random): Handler {
  return {
    name: 'forward',
    handle({ bytes, end }) {
      // It takes longer than all the rest.
      if (!random.once(4)) return undefined
      const asked = Buffer.from(bytes.subarray(0, end))
      asked.fill(0, 4, 12)
      asked.writeUInt16BE(1, 4)
      const reply = readReply(anyReply(asked, random), asked)
      const said: Said | undefined = reply && { reply, from: 'upstream' }
      if (said && random.once(2)) return said
      return said ? Promise.resolve(said) : Promise.reject(new Error('nothing that is an answer'))
    },
  }
}

const types = [1, 28, 5, 2, 12, 6, 16, 15, 33, 41, 65, 46]

function anyReply(asked: Buffer, random: Random): Buffer {
  const counts = [random.below(4), random.below(3), random.below(3)]
  const parts: Buffer[] = [Buffer.from(asked)]
  for (let left = counts.reduce((sum, count) => sum + count, 0); left > 0; left--) parts.push(anyRecord(random))
  const reply = Buffer.concat(parts)
  reply.writeUInt16BE(0x8180 | (random.once(4) ? random.u32() & 0x7ff : 0), 2)
  for (const [at, count] of counts.entries()) reply.writeUInt16BE(count, 6 + 2 * at)
  for (let left = random.once(2) ? 0 : random.below(4); left > 0; left--)
    reply[random.below(reply.length)] = random.u32()
  return random.once(10) ? reply.subarray(0, random.below(reply.length)) : reply
}

function anyRecord(random: Random): Buffer {
  const type = random.pick(types)
  const owner = type === 41 ? '\0' : anyOwner(random)
  const data = random.once(10) ? anyName(random) : dataOf(type, random)
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(type === 41 ? 1232 : 1, 2)
  fixed.writeUInt32BE(type === 41 ? 0 : random.u32() >>> random.below(32), 4)
  fixed.writeUInt16BE(data.length, 8)
  return Buffer.concat([Buffer.from(owner, 'latin1'), fixed, Buffer.from(data, 'latin1')])
}

function anyOwner(random: Random): string {
  return random.once(2) ? '\xc0\x0c' : anyName(random)
}

function dataOf(type: number, random: Random): string {
  const bytes = (count: number): string =>
    String.fromCharCode(...Array.from({ length: count }, () => random.below(256)))
  switch (type) {
    case 1:
      return bytes(4)
    case 28:
      return bytes(16)
    case 2:
    case 5:
    case 12:
      return anyOwner(random)
    case 6:
      return anyOwner(random) + anyOwner(random) + bytes(20)
    case 15:
      return bytes(2) + anyOwner(random)
    case 33:
      return bytes(6) + anyName(random)
    case 16:
      return `\x05hello${random.once(2) ? '\x02hi' : ''}`
    case 41:
      return ''
    default:
      return bytes(random.below(60))
  }
}
