import { isAbsolute } from 'node:path'
import { defaultSocket } from '../cni/agent/claim.ts'
import { type Done, install, type Places, uninstall } from '../cni/install/install.ts'
import { isVersion, versions } from '../cni/plugin/version.ts'
import { ownProduct } from './cni-product.ts'
import { parse, UsageError } from './usage.ts'

const places = {
  'bin-dir': { type: 'string', default: '/opt/cni/bin' },
  'conf-dir': { type: 'string', default: '/etc/cni/net.d' },
  name: { type: 'string', default: 'kubehop' },
  force: { type: 'boolean', default: false },
} as const

/** `kubehop cni install`: the plugin and a network, where container runtimes look for them. */
export function cniInstall(args: string[]): number {
  const { values } = parse({
    args,
    options: {
      ...places,
      subnet: { type: 'string', default: '10.22.0.0/16' },
      bridge: { type: 'string', default: 'cbr0' },
      'cni-version': { type: 'string', default: '1.0.0' },
      socket: { type: 'string', default: defaultSocket },
      script: { type: 'boolean', default: false },
    },
  })
  const cniVersion = values['cni-version']
  if (!isVersion(cniVersion)) throw new UsageError(`--cni-version ${cniVersion} is none of ${versions.join(', ')}`)
  const native = process.arch === 'x64'
  const script = values.script || !native
  const product = ownProduct()
  const { socket, subnet, bridge, force } = values
  if (!isAbsolute(socket)) throw new UsageError(`--socket "${socket}" is no absolute path`)
  const { done, notes } = install({ ...placesOf(values), subnet, bridge, cniVersion, socket, product, script, force })
  tell(done)
  if (!native)
    notes.push(
      `the launcher is for x86-64, and this is ${process.arch}: the plugin is a script that starts Node each time`,
    )
  else if (script) notes.push('the plugin is a script that starts Node each time: it does not ask the agent')
  notes.push(
    `what is started without an agent is ${[product.node, product.script, ...product.args].join(' ')}: after moving either, install again`,
  )
  for (const note of notes) console.error(note)
  return 0
}

/** `kubehop cni uninstall`: removes what `install` wrote. */
export function cniUninstall(args: string[]): number {
  const { values } = parse({ args, options: places })
  tell(uninstall(placesOf(values), values.force))
  return 0
}

function placesOf(values: { 'bin-dir': string; 'conf-dir': string; name: string }): Places {
  for (const name of ['bin-dir', 'conf-dir'] as const)
    if (!isAbsolute(values[name])) throw new UsageError(`--${name} "${values[name]}" is no absolute path`)
  return { binDir: values['bin-dir'], confDir: values['conf-dir'], name: values.name }
}

function tell(done: readonly Done[]): void {
  for (const { path, did } of done) console.log(`${path}: ${did}`)
}
