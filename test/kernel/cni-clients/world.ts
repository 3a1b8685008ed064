import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, watch, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { address, cidr } from '../../../src/base/address.ts'
import { deleteCut } from '../../../src/cni/reaper.ts'
import { createNetns, type Netns } from '../../../src/kernel/netns.ts'
import { addAddress } from '../../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../../src/kernel/rtnetlink/linkdata.ts'
import { addRoute } from '../../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../../src/kernel/rtnetlink/socket.ts'
import { listenTcp } from '../../../src/kernel/socket.ts'
import { busybox, confFolder, must, run } from './machine.ts'

export const nodeAddress = '192.0.2.1'
const outsideAddress = '192.0.2.2'
/** Says who asks it. */
export const outsideUrl: string = `http://${outsideAddress}:8080/`

/** Everyone beyond the machine, who knows no way to its containers. */
export async function outside(): Promise<AsyncDisposable & { readonly ns: Netns }> {
  const ns = createNetns()
  using here = openRouteSocket()
  using there = openRouteSocket(ns)
  here.apply(addLink({ kind: 'veth', name: 'up0', peer: { name: 'eth0', ns } }))
  for (const [socket, name, own] of [
    [here, 'up0', nodeAddress],
    [there, 'eth0', outsideAddress],
  ] as const) {
    const { index } = socket.link(name) ?? assert.fail()
    socket.apply(setLink(index, { up: true }), addAddress({ index, address: address(own), prefix: 24 }))
  }
  here.apply(addRoute({ to: cidr('0.0.0.0/0'), via: address(outsideAddress) }))
  there.settle('eth0')
  here.settle('up0')
  const server = await serve(ns, 8080)
  return {
    ns,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      ns.close()
    },
  }
}

/** A web server in a network namespace that says who asks it. */
export async function serve(ns: Netns, port: number): Promise<AsyncDisposable> {
  const server = createServer(({ socket }, response) => response.end(`${socket.remoteAddress}\n`))
  server.listen({ fd: listenTcp(ns, address('0.0.0.0'), port) })
  await once(server, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      server.close()
      await once(server, 'close')
    },
  }
}

/** For busybox: gets a page, within 5 s. (wget's own -T crashes in Debian 12's busybox-static.) */
export const wget = (url: string): string[] => ['timeout', '5', 'wget', '-q', '-O', '-', url]

/** The page at `url`, asked from the machine itself or from another network namespace. A server may take its time to listen: nothing tells when it does. */
export async function get(url: string, ns?: Netns): Promise<string> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const { code, out, err } = await run(busybox(), wget(url), { ns })
    if (code === 0) return out.trim()
    assert.ok(err.includes('Connection refused') && performance.now() < deadline, `${url}: ${err}`)
  }
}

/** A network of ours as a file of the machine; plugins of `after` come behind it. */
export function writeNetwork(name: string, more: object = {}, after: readonly object[] = [], at = '10'): void {
  const own = {
    type: 'kubehop',
    isDefaultGateway: true,
    ipMasq: true,
    ipam: { type: 'host-local', subnet: '10.22.0.0/24' },
    ...more,
  }
  const list = { cniVersion: '1.0.0', name, plugins: [own, ...after] }
  writeFileSync(join(confFolder, `${at}-${name}.conflist`), JSON.stringify(list))
}

/** Where the addresses of a network are written down. */
export const leaseFolder = (name: string): string => join('/run/kubehop/cni', name)

/** The addresses that containers have. */
export function leases(name: string): string[] {
  const folder = leaseFolder(name)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'last')
    .map((entry) => entry.name)
    .toSorted()
}

/** Resolves as soon as only these addresses are taken. */
export async function untilLeases(name: string, wanted: readonly string[]): Promise<void> {
  const given = (): boolean => leases(name).join() === wanted.join()
  const [range = assert.fail('no address was given yet')] = readdirSync(leaseFolder(name))
  const watcher = watch(join(leaseFolder(name), range))
  try {
    const signal = AbortSignal.timeout(20_000)
    while (!given()) await once(watcher, 'change', { signal })
  } finally {
    watcher.close()
  }
}

/** The names of the node's ends of cables. */
export function veths(): string[] {
  using socket = openRouteSocket()
  // An agent deletes them when it has answered.
  deleteCut(socket)
  return socket.links().flatMap(({ kind, name }) => (kind === 'veth' && name !== 'up0' ? [name] : []))
}

/** What is left of containers: addresses, cables, what libcni remembers, tables. Empty when there are none. */
export async function leftovers(name: string): Promise<string[]> {
  const cache = '/var/lib/cni/results'
  return [
    ...leases(name),
    ...veths(),
    ...(existsSync(cache) ? readdirSync(cache) : []),
    ...(await must('nft', 'list', 'tables')).split('\n').filter((line) => line.includes('kubehop')),
  ]
}
