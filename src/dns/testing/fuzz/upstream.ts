import type { Upstream } from '../../forward/upstream.ts'
import { questionFor } from '../../forward/question.ts'
import { readReply } from '../../forward/reply.ts'
import { anyName } from './names.ts'
import type { Random } from './random.ts'

/** Makes an upstream that is never really asked say the truth, nonsense, or nothing. */
export function makeHostile(upstream: Upstream, random: Random): void {
  upstream.ask = async (question) => {
    // Making nonsense takes longer than all the rest.
    const asked = questionFor(question, true)
    const reply = random.once(4) ? readReply(anyReply(asked, random), asked) : undefined
    if (!reply) throw silent
    return reply
  }
}

/** Made once: an error with its stack takes longer than a question. */
const silent = new Error('nothing that is an answer')
const types = [1, 28, 5, 2, 12, 6, 16, 15, 33, 41, 65, 46]

/** To a question with OPT at its end. */
export function anyReply(asked: Buffer, random: Random): Buffer {
  const question = asked.subarray(0, -11)
  const counts = [random.below(4), random.below(3), random.below(3)]
  const parts: Buffer[] = [question]
  for (let left = counts.reduce((sum, count) => sum + count, 0); left > 0; left--) parts.push(anyRecord(random))
  // More than fits into some datagrams, or into any.
  if (random.once(6)) {
    const more = random.below(random.once(10) ? 400 : 40)
    for (let left = more; left > 0; left--) parts.splice(1, 0, recordOf(random.pick([1, 1, 1, 28]), random))
    counts[0] = (counts[0] ?? 0) + more
  }
  const reply = Buffer.concat(parts)
  reply.writeUInt16BE(0x8180 | (random.once(4) ? random.u32() & 0x7ff : 0), 2)
  for (const [at, count] of counts.entries()) reply.writeUInt16BE(count, 6 + 2 * at)
  for (let left = random.once(2) ? 0 : random.below(4); left > 0; left--)
    reply[random.below(reply.length)] = random.u32()
  return random.once(10) ? reply.subarray(0, random.below(reply.length)) : reply
}

function anyRecord(random: Random): Buffer {
  return recordOf(random.pick(types), random)
}

function recordOf(type: number, random: Random): Buffer {
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
