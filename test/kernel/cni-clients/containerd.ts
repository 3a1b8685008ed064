import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { criReady } from './cri.ts'
import { imageName, webImage } from './image.ts'
import { environment, must, ociRuntime, pluginFolder, type Ran, run } from './machine.ts'

const criPlugin = '[plugins."io.containerd.grpc.v1.cri"'

/** No cgroups, no overlay on a file system that may have none; the sandbox's own container is the web server. */
const config = `
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper"]
${criPlugin}]
  disable_cgroup = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  sandbox_image = "${imageName}"
${criPlugin}.containerd]
  snapshotter = "native"
${criPlugin}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
${criPlugin}.containerd.runtimes.runc.options]
  BinaryName = "${ociRuntime}"
`

/** containerd of this machine, as it runs now. */
export class Containerd {
  #process: ChildProcess | undefined

  /** Resolves when it answers. Fine when it runs. */
  async start(): Promise<void> {
    if (this.#process !== undefined) return
    mkdirSync('/etc/containerd', { recursive: true })
    writeFileSync('/etc/containerd/config.toml', config)
    const child = spawn('containerd', {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    const said: string[] = []
    const booted = Promise.withResolvers<void>()
    const lines = createInterface(child.stderr)
    lines.on('line', (line) => {
      said.push(line)
      if (line.includes('containerd successfully booted')) booted.resolve()
    })
    child.on('error', booted.reject)
    lines.on('close', () => booted.reject(new Error(`containerd ended:\n${said.join('\n')}`)))
    await booted.promise
    await criReady()
  }

  /** Its containers go on. Fine when it does not run. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}

/** Loads the image, for ctr and for the CRI; gives the CRI the plugin that it wants for `lo`, beside ours. */
export async function setUpContainers(): Promise<void> {
  symlinkSync('/usr/lib/cni/loopback', join(pluginFolder, 'loopback'))
  writeFileSync('/var/tmp/image.tar', webImage())
  for (const namespace of ['default', 'k8s.io'])
    await must('ctr', '-n', namespace, 'image', 'import', '--snapshotter', 'native', '/var/tmp/image.tar')
}

/** `ctr run --cni` of a command in the image. */
export function ctrRun(options: readonly string[], name: string, ...command: string[]): Promise<Ran> {
  const how = ['--cni', '--snapshotter', 'native', '--runc-binary', ociRuntime]
  return run('ctr', ['run', ...how, ...options, imageName, name, ...command])
}
