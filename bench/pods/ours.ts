import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Cidr, formatCidr } from '../../src/base/address.ts'
import { nativeProgram } from '../../src/cni/install/program.ts'
import { rememberLeases } from '../../src/cni/lease-memory.ts'
import { type Answer, callPlugin } from '../../src/cni/plugin/plugin.ts'
import type { Product } from '../../src/cni/product.ts'
import { lendable, lending } from '../../src/cni/sockets.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { asProgram, environment, type Plugin } from './program.ts'

/** Kubehop's plugin with the reference plugins' configuration, in the three ways in which it can be called. */
export interface OurPlugin {
  /** The installed program, with an agent that answers. */
  readonly launcher: Plugin
  /** The same without one. */
  readonly alone: Plugin
  /** What the agent does for a call, without the process and the socket. */
  readonly inAgent: Plugin
  close(): void
}

export async function openOurs(node: Netns, podCidr: Cidr, folder: string): Promise<OurPlugin> {
  // As it is shipped.
  const product: Product = { node: process.execPath, script: resolve('dist/kubehop-cni.mjs'), args: [] }
  const config = {
    cniVersion: '1.0.0',
    name: 'ours',
    type: 'kubehop',
    bridge: 'cbr0',
    isGateway: true,
    hairpinMode: true,
    ipam: { ranges: [[{ subnet: formatCidr(podCidr) }]], routes: [{ dst: '0.0.0.0/0' }] },
    dataDir: join(folder, 'state'),
  }
  const socket = join(folder, 'agent.sock')
  const program = (name: string, asked: string): Plugin => {
    const path = join(folder, name)
    writeFileSync(path, nativeProgram(product, asked), { mode: 0o755 })
    return asProgram({ command: [path], path: folder, config, node })
  }
  const agent = inNetns(node, () =>
    spawn(
      product.node,
      [resolve('dist/kubehop.mjs'), 'cni', 'agent', '--socket', socket, '--data-dir', config.dataDir],
      {
        stdio: ['ignore', 'inherit', 'pipe'],
      },
    ),
  )
  // It says so when it answers; what it says later is of no interest.
  await once(createInterface(agent.stderr), 'line')
  agent.stderr.resume()
  const sockets = lendable(openNftables(node), openRouteSocket(node))
  // As the agent.
  const leases = rememberLeases()
  const here = async (command: string, id: string, netnsPath: string): Promise<void> => {
    const env = environment(command, id, netnsPath, folder)
    const call = (): Answer => callPlugin(env, () => JSON.stringify(config))
    const { out, exitCode } = inNetns(node, () => lending(sockets, call))
    if (exitCode !== 0) throw new Error(`${command} failed: ${JSON.stringify(out)}`)
  }
  return {
    launcher: program('kubehop', socket),
    alone: program('kubehop-alone', join(folder, 'nobody.sock')),
    inAgent: {
      add: (id, netnsPath) => here('ADD', id, netnsPath),
      del: (id, netnsPath) => here('DEL', id, netnsPath),
    },
    close() {
      agent.kill('SIGKILL')
      leases[Symbol.dispose]()
    },
  }
}
