// The API server of the zone, in a process of its own, which also asks until a change shows.      api.ts SERVICES, then orders over IPC
import type { Connection } from '../../src/api/client/http.ts'
import { nth } from '../../src/base/address.ts'
import { StubApi } from '../harness/stub-api.ts'
import { podCidr } from '../services/make.ts'
import { Asker } from './asker.ts'
import { addressesOf, type Member, member, members, namespaces } from './cluster.ts'

export interface Order {
  /** So many changes, one after the other, and this server asked until each shows. */
  readonly changes: number
  readonly port: number
}

export type Answer =
  | { readonly connection: Connection }
  /** Of each change, from the writing of its event to the arrival of the first answer that shows it; milliseconds. */
  | { readonly ms: number[] }

const services = Number(process.argv[2])
const all = members(services)
const headless = all.filter((one) => one.headless)
const api = new StubApi(['Namespace', 'Service', 'EndpointSlice'])
/** Services that come and go. */
const extras = 1000
api.load(namespaces(services + extras))
for (const { service, slice } of all) api.load([service, slice])

process.on('message', (order: Order) => void changes(order).then((ms) => say({ ms })))
process.on('disconnect', () => process.exit(0))
say({ connection: await api.listen() })

function say(answer: Answer): void {
  process.send?.(answer)
}

let turn = 0

async function changes({ changes, port }: Order): Promise<number[]> {
  using asker = await Asker.open(port)
  const ms: number[] = []
  for (let one = 0; one < changes; one++) {
    const change = nextChange()
    // What is asked often is kept ready, and has to go when the change comes.
    await asker.ask(change.name)
    const begun = performance.now()
    change.write()
    await asker.until(change.name, change.expected)
    ms.push(performance.now() - begun)
  }
  return ms
}

interface Change {
  readonly name: string
  /** Addresses; none: the name is gone. */
  readonly expected: readonly string[]
  write(): void
}

/** One of a headless service's endpoints for another, a service more, that service gone again. */
function nextChange(): Change {
  const round = Math.floor(turn / 3)
  const extra = member(services + (round % extras))
  switch (turn++ % 3) {
    case 0:
      return exchange(headless[(round * 7919) % headless.length] as Member, round)
    case 1:
      return {
        name: extra.fullName,
        expected: addressesOf(extra),
        write() {
          api.put(extra.service)
          api.put(extra.slice)
        },
      }
    default:
      return {
        name: extra.fullName,
        expected: [],
        write() {
          api.remove(extra.service)
          api.remove(extra.slice)
        },
      }
  }
}

function exchange({ fullName, slice }: Member, round: number): Change {
  const fresh = nth(podCidr, 1_000_000 + round)
  const endpoints = slice.endpoints.map((endpoint, at) => (at === 0 ? { ...endpoint, addresses: [fresh] } : endpoint))
  const expected = endpoints.flatMap(({ addresses }) => addresses)
  return { name: fullName, expected, write: () => api.put({ ...slice, endpoints } as typeof slice) }
}
