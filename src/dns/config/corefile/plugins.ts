import { printPlace, readPlace } from '../kinds.ts'
import { cache } from './cache.ts'
import type { Block, Draft } from './draft.ts'
import { forward } from './forward.ts'
import { hosts } from './hosts.ts'
import { kubernetes } from './kubernetes.ts'
import type { Directive } from './parse.ts'

/** What becomes of one plugin of CoreDNS. */
interface Plugin {
  /** For docs/dns.md. */
  readonly becomes: string
  readonly translate: (at: Directive, draft: Draft, block: Block) => void
}

const nothing = (becomes: string): Plugin => ({ becomes, translate: () => {} })
/** What only people who operate the server would miss. */
const noted = (say: string): Plugin => ({
  becomes: `Left out, with a line in the log: ${say}.`,
  translate: (at, draft) => draft.note(at, at.name, say),
})
/** What would change answers. */
const refused = (instead: string): Plugin => ({
  becomes: `Refused: ${instead}.`,
  translate: (at, draft) => draft.refuse(at, at.name, `not supported; ${instead}`),
})
const elsewhere = refused(
  'leave it to another name server, and name that one as `forward` of a server block for the domain',
)

/** Every plugin that CoreDNS comes with. */
export const plugins: Readonly<Record<string, Plugin>> = {
  kubernetes: {
    becomes:
      '`zone`, `pods` (`disabled` where nothing is said), `ttl` (5s where nothing is said), `reverse`. Names of other namespaces, labels or clusters cannot be left out or added: such properties are refused.',
    translate: kubernetes,
  },
  forward: {
    becomes: '`forward`; in the server block of a domain, or with a domain of its own, an entry of `stub`.',
    translate: forward,
  },
  cache: {
    becomes:
      '`cache`, one for all server blocks. Without it `cache.size` is 0. Names of the cluster are never in it, so taking them out is in force already.',
    translate: cache,
  },
  hosts: {
    becomes: "`hosts`. The pod's own /etc/hosts is read only where nothing else is listed. It needs `fallthrough`.",
    translate: hosts,
  },
  autopath: {
    becomes: '`autopath: true` for `autopath @kubernetes`; with a file it is refused.',
    translate(at, draft) {
      if (at.args.at(-1) === '@kubernetes') draft.config.autopath = true
      else draft.refuse(at, 'autopath', `"${at.args.join(' ')}" is given; allowed is @kubernetes`)
    },
  },
  errors: {
    becomes: '`queryLog: errors`.',
    translate(at, draft) {
      if (draft.config.queryLog === 'off') draft.config.queryLog = 'errors'
      for (const property of at.block)
        draft.note(property, `errors ${property.name}`, 'each question that fails is logged for itself')
    },
  },
  log: { becomes: '`queryLog: all`; `class error` alone is `queryLog: errors`.', translate: log },
  health: {
    becomes: '`health`, and `lameduck` is `lameDuck`.',
    translate(at, draft) {
      place('health', at, draft, ':8080')
      for (const property of at.block) {
        const path = `health ${property.name}`
        if (property.name === 'lameduck') lameduck(property, path, draft)
        else draft.refuse(property, path, 'CoreDNS has no such property')
      }
    },
  },
  ready: {
    becomes: '`ready`.',
    translate: (at, draft) => place('ready', at, draft, ':8181'),
  },
  prometheus: {
    becomes: '`metrics`.',
    translate: (at, draft) => place('metrics', at, draft, 'localhost:9153'),
  },
  bind: {
    becomes: 'Addresses of `listen`.',
    translate: () => {},
  },
  multisocket: {
    becomes: '`workers`.',
    translate: (at, draft) =>
      void (draft.config.workers = draft.number(at, 'multisocket', at.args[0] ?? '1', 1, 64) ?? 1),
  },
  loadbalance: {
    becomes: 'Nothing: addresses come in a new order each time. `weighted` and `prefer` are refused.',
    translate(at, draft) {
      if ((at.args[0] ?? 'round_robin') !== 'round_robin' || at.block.some(({ name }) => name === 'prefer'))
        draft.refuse(at, 'loadbalance', 'not supported; addresses come in a new order each time, none before others')
    },
  },
  loop: nothing('Nothing: a name server that leads back here is found out always, and not asked any more.'),
  reload: nothing('Nothing: the file is read when it changes.'),
  any: nothing('Nothing: ANY gets the minimal answer of RFC 8482 always.'),
  cancel: nothing('Nothing: the time for an answer is that of `forward.timeout`.'),
  metadata: nothing('Nothing.'),
  minimal: noted('what is in the additional section is there because clients need it'),
  bufsize: noted(
    'an answer over UDP is as long as the client says it can take, 4096 bytes at most; name servers outside are told 1232',
  ),
  timeouts: noted('see limits.tcpIdle of the configuration file'),
  debug: noted('set KUBEHOP_LOG=debug in the environment'),
  pprof: noted('Node has --inspect for this'),
  trace: noted('there are metrics and a query log'),
  dnstap: noted('there are metrics and a query log'),
  nsid: noted('answers do not say which server gave them by this option'),
  chaos: noted('the server does not tell its version'),
  root: noted('paths of files are given whole'),
  import: {
    becomes: 'Left out where its pattern means no file. Otherwise refused: copy the lines in its place.',
    translate: importLine,
  },
  rewrite: refused('a Service of type ExternalName gives a name another one, `hosts` gives it an address'),
  template: refused('`hosts` gives single names an address; leave patterns to another name server'),
  acl: refused('a NetworkPolicy says who may ask'),
  dns64: refused('let the name server that it forwards to do it'),
  whoami: refused('take the line out'),
  erratic: refused('take the line out'),
  tls: refused('questions come over UDP and TCP only'),
  https: refused('questions come over UDP and TCP only'),
  https3: refused('questions come over UDP and TCP only'),
  grpc_server: refused('questions come over UDP and TCP only'),
  quic: refused('questions come over UDP and TCP only'),
  proxyproto: refused('questions come from clients themselves'),
  grpc: refused('name servers are asked over UDP, TCP and TLS: write forward'),
  transfer: refused('zone transfers are refused'),
  dnssec: refused("the cluster's zone is not signed; answers of other zones keep their signatures"),
  sign: refused("the cluster's zone is not signed; answers of other zones keep their signatures"),
  tsig: refused('who may ask is the business of a NetworkPolicy'),
  header: refused('the flags are those that the standards ask for'),
  view: refused('all clients get the same answers'),
  geoip: refused('all clients get the same answers'),
  shed: refused('see limits of the configuration file'),
  local: refused('names of localhost are resolved by clients themselves'),
  on: refused('no programs are run'),
  file: elsewhere,
  auto: elsewhere,
  secondary: elsewhere,
  etcd: elsewhere,
  k8s_external: elsewhere,
  route53: elsewhere,
  azure: elsewhere,
  clouddns: elsewhere,
  nomad: elsewhere,
}

const mostLameDuck = 600

function lameduck(at: Directive, path: string, draft: Draft): void {
  const seconds = Math.ceil((draft.time(at, path, at.args[0]) ?? 0) / 1000)
  if (seconds <= mostLameDuck) draft.config.lameDuck = seconds
  else draft.refuse(at, path, `"${at.args[0]}" is given; allowed is 10m at most`)
}

function log(at: Directive, draft: Draft): void {
  const classes = at.block.flatMap(({ args }) => args)
  draft.config.queryLog = classes.length > 0 && classes.every((one) => one === 'error') ? 'errors' : 'all'
  const some = draft.config.queryLog === 'all' && classes.length > 0 && !classes.includes('all')
  if (some) draft.note(at, 'log', 'all questions are logged, not only those classes')
  if (at.args.some((arg) => arg !== '.'))
    draft.note(at, 'log', 'questions for all names are logged, in a form of its own')
}

/** A line such as `import /etc/coredns/custom/*.override`, which distributions have for people's own files: mostly there are none. */
export function importLine(at: Directive, draft: Draft): void {
  const [pattern = ''] = at.args
  const files = draft.outside.glob(pattern)
  // What is no pattern is a file that has to be there, or a snippet.
  if (files.length === 0 && /[*?[]/.test(pattern)) draft.note(at, 'import', `there is no ${pattern}`)
  else draft.refuse(at, 'import', `not supported; copy the lines of ${files.join(', ') || pattern} here`)
}

/** `:8080`, which is both families, `0.0.0.0:8080`, `localhost:8080`. A plugin may stand in several server blocks, but there is one such place. */
function place(name: 'health' | 'ready' | 'metrics', at: Directive, draft: Draft, otherwise: string): void {
  const text = at.args[0] ?? otherwise
  const found = readPlace(
    text.replace(/^(?=:\d+$)/, draft.outside.ipv6 ? '[::]' : '0.0.0.0').replace(/^localhost(?=:)/, '127.0.0.1'),
  )
  if (found?.port === undefined)
    return draft.refuse(
      at,
      at.name,
      `"${text}" is given; allowed is an address and a port, such as :8080 or 127.0.0.1:8080`,
    )
  const before = draft.config[name]
  if (before) draft.note(at, at.name, `it is at ${printPlace(before)} for all server blocks`)
  else draft.config[name] = { address: found.address, port: found.port }
}
