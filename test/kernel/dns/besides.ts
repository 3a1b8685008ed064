import { flags, types } from '../../../src/dns/wire/message.ts'
import { type Asked, askAll } from './ask.ts'
import { type Said, saidBy } from './compare.ts'
import { portNames, targets } from './random-objects.ts'

/** What CoreDNS says to the names in question, to names below them, and to the targets of aliases; about addresses, as kubeadm configures it. */
export type Besides = (name: string, type: keyof typeof types | number) => Said

export async function askBesides(port: number, usual: number, questions: readonly Asked[]): Promise<Besides> {
  const names = unique(questions.flatMap(({ name }) => [name, ...below(name)]).map((name) => name.toLowerCase()))
  const asked = unique([...questions.map(({ type }) => type), types.A, types.CNAME])
  const plain = [
    ...names.flatMap((name) => [types.A, types.SRV, types.CNAME].map((type) => about(name, type))),
    ...targets.flatMap((target) => asked.map((type) => about(target.replace(/\.$/, ''), type))),
  ]
  const pointers = names.map((name) => about(name, types.PTR))
  const said = new Map<string, Said>()
  for (const [at, some] of [
    [port, plain],
    [usual, pointers],
  ] as const)
    for (const [index, message] of (await askAll(at, some)).entries())
      said.set(`${some[index]?.name} ${some[index]?.type}`, saidBy(message))
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
  return { name, type, class: 1, transport: 'tcp', flags: flags.RD, opt: null }
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)]
}
