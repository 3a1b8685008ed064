import { decodeMessage } from '../../dns/wire/codec.ts'
import { flags, type Message } from '../../dns/wire/message.ts'

/**
 * The message, when it answers the question as the C library sees it (glibc, res_send.c): it is a response, with the question's number, to the
 * same question (RFC 5452, 9.1). A server that could not read the question may leave it out, with an error.
 */
export function answerTo(asked: Uint8Array, bytes: Uint8Array): Message | undefined {
  const [question, answer] = [decodeMessage(asked), decodeMessage(bytes)]
  if (!question || !answer || answer.id !== question.id || (answer.flags & flags.QR) === 0) return undefined
  const [one, other] = [question.questions[0], answer.questions[0]]
  if (!other) return answer.rcode === 0 ? undefined : answer
  const same =
    one !== undefined &&
    answer.questions.length === 1 &&
    one.type === other.type &&
    one.class === other.class &&
    one.name.toLowerCase() === other.name.toLowerCase()
  return same ? answer : undefined
}
