import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod, Volume, VolumeMount } from '../../src/api/objects/pod.ts'
import { makeNode, type Node } from './pod-world.ts'

/** A node, and a folder of this machine with keys that the node hides. */
export class VolumeWorld implements AsyncDisposable {
  readonly folder: string
  readonly node: Node

  constructor(folder: string, node: Node) {
    this.folder = folder
    this.node = node
  }

  /** Runs a script to its end with one volume mounted. */
  async withVolume(
    name: string,
    script: string,
    volume: Omit<Volume, 'name'>,
    mount: Partial<VolumeMount> = {},
  ): Promise<string> {
    const out = await this.node.sh(
      name,
      script,
      { volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
      { volumes: [{ name: 'v', ...volume }] },
    )
    await this.node.delete(name)
    return out
  }

  /** The volume's refusal, as a container's reason or as an event. */
  async refusal(name: string, volume: Omit<Volume, 'name'>, mount: Partial<VolumeMount> = {}): Promise<string> {
    await this.node.run(
      name,
      { command: ['true'], volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] },
      { volumes: [{ name: 'v', ...volume }] },
    )
    try {
      for (;;) {
        const events = (await this.node.events(name)).filter((event) => event.startsWith('Warning'))
        if (events.length > 0) return events.join('\n')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    } finally {
      await this.node.delete(name)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true })
  }
}

export async function makeVolumeWorld(): Promise<VolumeWorld> {
  const folder = mkdtempSync(join(realpathSync('/var/tmp'), 'kubehop-volumes-'))
  mkdirSync(join(folder, 'keys'))
  writeFileSync(join(folder, 'keys', 'ca.key'), 'secret')
  return new VolumeWorld(folder, await makeNode({ images: { host: { mask: [join(folder, 'keys')] } } }))
}

export function waiting(pod: Pod | undefined): { reason?: string; message?: string } | undefined {
  return pod?.status?.containerStatuses?.[0]?.state?.waiting
}
