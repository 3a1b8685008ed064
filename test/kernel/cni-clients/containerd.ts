import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { criReady } from './cri.ts'
import { imageName, webImage } from './image.ts'
import { must, ociRuntime, pluginFolder, type Ran, run } from './machine.ts'
import { Service } from './service.ts'

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

/** containerd of this machine. Its containers go on without it. */
export class Containerd extends Service {
  constructor() {
    super('containerd', [], 'containerd successfully booted')
  }

  override async start(): Promise<void> {
    mkdirSync('/etc/containerd', { recursive: true })
    writeFileSync('/etc/containerd/config.toml', config)
    await super.start()
    await criReady()
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
