import { readdirSync } from 'node:fs'
import { extname, join } from 'node:path'
import { CniError } from '../plugin/error.ts'
import { readInput } from '../plugin/input.ts'
import { readNetwork } from '../plugin/network.ts'
import type { Version } from '../plugin/version.ts'
import { look, remove, replace, sweep, type Target } from './files.ts'
import type { Product } from '../product.ts'
import { nativeProgram, scriptProgram } from './program.ts'
import { isSealedConfig, isSealedProgram, sealConfig, sealProgram } from './seal.ts'
import { KubehopError } from '../../base/errors.ts'

/** Where a container runtime looks. */
export interface Places {
  /** Of plugins: CNI_PATH. */
  readonly binDir: string
  /** Of networks. */
  readonly confDir: string
  /** Of the network. */
  readonly name: string
}

export interface InstallOptions extends Places {
  /** The pods' range. */
  readonly subnet: string
  readonly bridge: string
  /** Of the configuration. Runtimes that are older than it do not read it. */
  readonly cniVersion: Version
  /** Where the agent answers. */
  readonly socket: string
  readonly product: Product
  /** A shell's script instead of the native launcher. */
  readonly script: boolean
  /** Also over files that somebody changed. */
  readonly force: boolean
}

/** What became of a file. */
export interface Done {
  readonly path: string
  readonly did: 'written' | 'as it was' | 'removed' | 'not there'
}

/** Writes the plugin and a network that uses it. All is checked before anything is written; the same once more changes nothing. */
export function install(options: InstallOptions): { done: Done[]; notes: string[] } {
  const { product, socket, force } = options
  const config = networkOf(options)
  const program = options.script ? scriptProgram(product) : nativeProgram(product, socket)
  const files = [
    // The plugin first: a runtime starts it as soon as it reads the network.
    { target: programIn(options), bytes: sealProgram(program), mode: 0o755 },
    { target: configIn(options), bytes: Buffer.from(sealConfig(config)), mode: 0o644 },
  ].map((file) => ({ ...file, found: look(file.target, force, 'write') }))
  for (const { target } of files) sweep(target.path)
  const done = files.map(({ target: { path }, bytes, mode, found }): Done => {
    // A runtime reads a network again when its file changes.
    if (found?.equals(bytes)) return { path, did: 'as it was' }
    replace(path, bytes, mode)
    return { path, did: 'written' }
  })
  return { done, notes: notesOn(options) }
}

/** Removes what `install` wrote. Fine when it is not there. */
export function uninstall(places: Places, force: boolean): Done[] {
  // The network first, in the reverse order.
  const files = [configIn(places), programIn(places)].map((target) => ({
    target,
    found: look(target, force, 'remove'),
  }))
  return files.map(({ target: { path }, found }) => {
    sweep(path)
    if (found === undefined) return { path, did: 'not there' }
    remove(path)
    return { path, did: 'removed' }
  })
}

function programIn({ binDir }: Places): Target {
  return { path: join(binDir, 'kubehop'), option: '--bin-dir', isOurs: isSealedProgram }
}

function configIn({ confDir, name }: Places): Target {
  return {
    path: join(confDir, `10-${name}.conflist`),
    option: '--conf-dir',
    isOurs: (file) => isSealedConfig(file.toString()),
  }
}

/** The list that a runtime reads. What is wrong with it the plugin itself says. */
function networkOf({ name, subnet, bridge, cniVersion }: InstallOptions): Record<string, unknown> {
  const plugin = {
    type: 'kubehop',
    bridge,
    isDefaultGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: { type: 'host-local', subnet },
    capabilities: { portMappings: true, bandwidth: true },
  }
  try {
    readNetwork(
      readInput(() => JSON.stringify({ cniVersion, name, ...plugin })),
      new Map(),
    )
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause
    throw new KubehopError('cni', 'install the plugin', 'BadNetwork', cause.message, { cause })
  }
  return { cniVersion, name, plugins: [plugin] }
}

/** What the one who installs should know. */
function notesOn({ confDir, name }: InstallOptions): string[] {
  const [first] = readdirSync(confDir)
    .filter((file) => ['.conf', '.conflist', '.json'].includes(extname(file)))
    .sort()
  if (first === undefined || first === `10-${name}.conflist`) return []
  return [`${first} comes first in ${confDir}: most runtimes give pods that network, and not ${name}`]
}
