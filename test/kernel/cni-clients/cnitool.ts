import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before } from 'node:test'
import { cniPlugins, cniTool } from '../../../bench/harness/peers.ts'
import { MS_BIND } from '../../../src/kernel/launch/syscalls.ts'
import { declare } from '../../../src/kernel/libc.ts'
import { unmount } from '../../../src/kernel/mount.ts'
import { createNetns, type Netns } from '../../../src/kernel/netns.ts'
import { deleteLink } from '../../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../../src/kernel/rtnetlink/socket.ts'
import { Agent, installPlugin } from './kubehop.ts'
import { confFolder, enterMachine, leaveMachine, pluginFolder, type Ran, run } from './machine.ts'
import { leaseFolder } from './world.ts'

const tool = cniTool(false)
const others = cniPlugins(false)

/** Why there is no cnitool, or are no reference plugins; false when there are. */
export const noCnitool: string | false = 'missing' in tool ? tool.missing : 'missing' in others ? others.missing : false

const mount = declare<[string, string, string, number, string]>(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
)

/** A container that is nothing but a network namespace with a name, as `ip netns add` makes it. cnitool makes the container's id of its path. */
export class Pod implements Disposable {
  readonly ns: Netns = createNetns()
  readonly path: string

  constructor(name: string) {
    this.path = join('/run/netns', name)
    mkdirSync('/run/netns', { recursive: true })
    closeSync(openSync(this.path, 'w'))
    mount(`name a namespace ${name}`, `/proc/self/fd/${this.ns.fd}`, this.path, '', MS_BIND, '')
  }

  /** Fine when it is gone. */
  [Symbol.dispose](): void {
    unmount(this.path)
    rmSync(this.path, { force: true })
    this.ns.close()
  }
}

export type Verb = 'add' | 'check' | 'del' | 'gc' | 'status'

/** Runs `cnitool VERB NETWORK NAMESPACE`. */
export function cnitool(verb: Verb, network: string, at: Pod | string, env: Record<string, string> = {}): Promise<Ran> {
  const path = typeof at === 'string' ? at : at.path
  const [program, plugins] = 'missing' in tool || 'missing' in others ? assert.fail() : [tool.folder, others.folder]
  const CNI_PATH = `${pluginFolder}:${plugins}`
  return run(join(program, 'cnitool'), [verb, network, path], { env: { CNI_PATH, ...env } })
}

/** What ADD said, which must succeed. */
export async function added(network: string, at: Pod, env?: Record<string, string>): Promise<Result> {
  const { code, out, err } = await cnitool('add', network, at, env)
  assert.equal(code, 0, err)
  return JSON.parse(out) as Result
}

export interface Result {
  readonly cniVersion: string
  readonly interfaces: readonly { name: string; mac?: string; sandbox?: string }[]
  readonly ips: readonly { address: string; gateway?: string; interface?: number }[]
}

/** It must succeed, and say nothing. */
export async function done(verb: Verb, network: string, at: Pod | string, env?: Record<string, string>): Promise<void> {
  const said = await cnitool(verb, network, at, env)
  assert.deepEqual(said, { code: 0, out: '', err: '' })
}

/** It must fail, with these words. */
export async function refused(
  verb: Verb,
  network: string,
  at: Pod,
  words: readonly string[],
  env?: Record<string, string>,
): Promise<void> {
  const { code, out, err } = await cnitool(verb, network, at, env)
  assert.equal(code, 1, out)
  for (const word of words) assert.ok(err.includes(word), `"${err}" does not say "${word}"`)
}

/** The plugins of a network, in their order; the file takes the place of one of the same name. */
export function writeList(name: string, plugins: readonly object[], more: object = {}): void {
  const list = { cniVersion: '1.1.0', name, ...more, plugins }
  writeFileSync(join(confFolder, `${name}.conflist`), JSON.stringify(list))
}

/** Our part of a list. */
export const ours = (more: object = {}): object => ({
  type: 'kubehop',
  isDefaultGateway: true,
  ipam: { type: 'host-local', subnet: '10.22.0.0/24' },
  ...more,
})

const cache = '/var/lib/cni/results'

/** What libcni remembers of attachments. */
export function remembered(): { kind: string; networkName: string; ifName: string; result: Result }[] {
  if (!existsSync(cache)) return []
  return readdirSync(cache)
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(cache, name), 'utf8')))
}

/** The machine as it was before a test. */
export function clean(): void {
  using socket = openRouteSocket()
  for (const { kind, name } of socket.links()) if (kind === 'bridge' || kind === 'veth') socket.ensure(deleteLink(name))
  for (const network of ['pods', 'other', 'installed']) rmSync(leaseFolder(network), { recursive: true, force: true })
  rmSync('/var/lib/cni', { recursive: true, force: true })
}

/** For all tests of a file: a machine of its own with our plugin and its agent on it, cleaned after each of them. */
export function withAgent(): Agent {
  const agent = new Agent()
  before(async () => {
    enterMachine()
    await installPlugin('installed')
    await agent.start()
  })
  afterEach(clean)
  after(async () => {
    await agent.stop('SIGTERM')
    leaveMachine()
  })
  return agent
}
