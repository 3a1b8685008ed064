import { types } from '../../../src/dns/wire/message.ts'
import { type Asked, askAll } from './ask.ts'
import { type Said, saidBy } from './compare.ts'
import { portNames, targets } from './random-objects.ts'

/** What CoreDNS says to the names in question, to names below them, and to the targets of aliases. */
export type Besides = (name: string, type: keyof typeof types | number) => Said

export async function askBesides(port: number, questions: readonly Asked[]): Promise<Besides> {
  const names = unique(questions.flatMap(({ name }) => [name, ...below(name)]).map((name) => name.toLowerCase()))
  const asked = unique(questions.map(({ type }) => type))
  const plain = [
    ...names.flatMap((name) => (['A', 'SRV', 'PTR', 'CNAME'] as const).map((type) => about(name, types[type]))),
    ...targets.flatMap((target) =>
      unique([...asked, types.A, types.CNAME]).map((type) => about(target.replace(/\.$/, ''), type)),
    ),
  ]
  const answers = await askAll(port, plain)
  const said = new Map(plain.map(({ name, type }, at) => [`${name} ${type}`, answers[at] && saidBy(answers[at])]))
  return (name, type) => {
    const found = said.get(`${name.toLowerCase()} ${typeof type === 'number' ? type : types[type]}`)
    if (!found) throw new Error(`CoreDNS was not asked for ${type} of ${name}`)
    return found
  }
}

/** Ports below a name such as `_tcp.web.shop`. */
export function below(name: string): string[] {
  return /^_(tcp|udp|sctp)\./i.test(name) ? portNames.map((port) => `_${port}.${name}`) : []
}

function about(name: string, type: number): Asked {
  return { name, type, class: 1, transport: 'tcp', recursion: true, opt: null }
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)]
}
