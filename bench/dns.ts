import { join } from 'node:path'
import type { Connection } from '../src/api/client/http.ts'
import { messageOf } from '../src/base/errors.ts'
import type { Answer, Order as ApiOrder } from './dns/api.ts'
import { endpointsEach, members } from './dns/cluster.ts'
import {
  type Contestant,
  type Field,
  type Name,
  startCoreDns,
  startEcho,
  startOurs,
  startUnbound,
} from './dns/contestants.ts'
import { openDnsperf } from './dns/dnsperf.ts'
import { measure } from './dns/measure.ts'
import type { Plan } from './dns/plan.ts'
import { messagesOf } from './dns/questions.ts'
import type { Generator } from './dns/turns.ts'
import type { Bench, Options, Outcome } from './harness/bench.ts'
import { allowedCores, pin } from './harness/cores.ts'
import { startHelper } from './harness/helper.ts'
import { loopbackUp } from './harness/loopback.ts'
import { coreDns } from './harness/peers.ts'
import { findProgram } from './harness/programs.ts'
import { dnsPackages, unpacked } from '../scripts/debian.ts'

const services = 10_000
const shortPlan: Plan = {
  mixRounds: 3,
  mixSeconds: 0.8,
  kindRounds: 2,
  kindSeconds: 0.4,
  halfRounds: 1,
  halfSeconds: 1.2,
  changes: 150,
  dnsperfRounds: 0,
}
const longPlan: Plan = {
  mixRounds: 9,
  mixSeconds: 2,
  kindRounds: 5,
  kindSeconds: 1,
  halfRounds: 3,
  halfSeconds: 3,
  changes: 600,
  dnsperfRounds: 3,
}

/** How fast names are answered on one core, and how soon a change shows. */
export const bench: Bench = {
  about: `answering for ${services.toLocaleString('en')} services of ${endpointsEach} endpoints on one core; against a socket that only sends back, unbound and CoreDNS`,
  where: 'namespaces',
  async prepare({ long }) {
    if (missingPrograms().length > 0) unpackPrograms()
    const theirs = coreDns(long)
    return 'program' in theirs ? { COREDNS: theirs.program } : { COREDNS_MISSING: theirs.missing }
  },
  async run({ long, say }): Promise<Outcome> {
    loopbackUp()
    const [own, other = own] = allowedCores()
    const pinned = other !== undefined && pin(process.pid, other)
    const core = pinned ? own : undefined
    const around = { args: [String(services)], core: pinned ? other : undefined }
    const file = (name: string): string => join(import.meta.dirname, 'dns', name)
    using open = new DisposableStack()
    const api = open.adopt(startHelper<ApiOrder, Answer>({ file: file('api.ts'), ...around }), (it) => it.close())
    const { connection } = (await api.hear()) as { connection: Connection }
    const generator: Generator = open.adopt(startHelper({ file: file('generator.ts'), ...around }), (it) => it.close())
    const all = members(services)
    const field: Field = { all, connection, core }
    const program = findProgram('dnsperf')
    const dnsperf = program && open.use(openDnsperf(program, messagesOf('mix', all), around.core))
    const { here, missing } = await startAll(field, open, say)
    const measured = await measure(long ? longPlan : shortPlan, { api, generator, here, dnsperf }, say)
    return { rows: measured.rows, notes: [...missing, ...measured.notes, ...notes(core, other)] }
  },
}

/** Those that are here and start, until `open` is disposed of. */
async function startAll(
  field: Field,
  open: DisposableStack,
  say: Options['say'],
): Promise<{ here: Map<Name, Contestant>; missing: string[] }> {
  const here = new Map<Name, Contestant>()
  const missing = missingPrograms().map((name) => `the program ${name} is not here (Debian: apt-get install ${name})`)
  const coreDns = process.env['COREDNS_MISSING']
  if (coreDns !== undefined) missing.push(coreDns)
  for (const [name, start] of contestants()) {
    say(`starting ${name}`)
    try {
      const one = await start(field)
      here.set(name, one)
      open.defer(() => one.close())
    } catch (error) {
      if (name === 'ours') throw error
      missing.push(`without ${name}: ${messageOf(error)}`)
    }
  }
  return { here, missing }
}

/** Those that are here. */
function contestants(): Map<Name, (field: Field) => Promise<Contestant>> {
  const here = new Map<Name, (field: Field) => Promise<Contestant>>([
    ['ours', startOurs],
    ['echo', startEcho],
  ])
  const unbound = findProgram('unbound')
  const path = process.env['COREDNS']
  if (unbound) here.set('unbound', (field) => startUnbound(unbound, field))
  if (path !== undefined) here.set('CoreDNS', (field) => startCoreDns({ path, env: { GOMAXPROCS: '1' } }, field))
  return here
}

/** Into .cache, where this user may write there. What could not be had is missed inside. */
function unpackPrograms(): void {
  try {
    unpacked(dnsPackages)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EROFS') throw error
  }
}

function missingPrograms(): string[] {
  return ['unbound', 'dnsperf'].filter((name) => !findProgram(name))
}

function notes(core: number | undefined, other: number | undefined): string[] {
  return [
    core === undefined
      ? 'processes run on any core: the program taskset is not here (Debian: apt-get install util-linux)'
      : `each server has one core (taskset), all the same one; who asks and the API server have ${core === other ? 'it, too' : 'another'}`,
    'the mix: look-ups of programs in pods (A and AAAA of each name of the search list, ndots:5), 35 % of a service beside them, 20 % of another namespace, 10 % by its whole name, 20 % of names outside without the last question, which an upstream would get, 5 % each of a replica, SRV and PTR',
    'the generator asks over one socket, 256 questions under way; the echo sends the question back as it came, an answer is longer by its records',
    'half load: half of what each has answered before, questions at random moments; ten times as many figures as rounds',
    'unbound has the names as local data, in one thread; CoreDNS has the Corefile of kubeadm (its cache leaves the cluster alone) and GOMAXPROCS=1',
    "a change: from the API server's writing of the event (HTTPS) to the first answer, asked for again and again; an endpoint exchanged, a service more, that service gone",
  ]
}
