import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { webImage } from './image.ts'
import { lacks, must, ociRuntime, packages, where } from './machine.ts'

/** Where podman finds what; `network_config_dir` because root over one user only counts as none. */
const containersConf = `
[network]
network_backend = "cni"
network_config_dir = "/etc/cni/net.d"
default_network = "pods"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.runtimes]
crun = ["${ociRuntime}"]
`

const storageConf = `
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
`

/** Why there is no podman that loads CNI plugins; false when there is. */
export function lacksPodman(): string | false {
  const absent = lacks('podman', 'crun', 'busybox', 'nft', 'iptables-nft')
  if (absent !== false) return absent
  const libraries = packages === undefined ? [] : globSync(join(packages, 'usr/lib/*-linux-gnu'))
  const env = { LD_LIBRARY_PATH: libraries.join(':') }
  const { stdout } = spawnSync(where('podman') ?? '', ['--version'], { env, encoding: 'utf8' })
  return / [34]\./.test(stdout) ? false : `only podman before 5 knows CNI, and this is ${stdout.trim()}`
}

/** Podman of this machine, with the image. */
export async function setUpPodman(): Promise<void> {
  mkdirSync('/etc/containers', { recursive: true })
  writeFileSync('/etc/containers/containers.conf', containersConf)
  writeFileSync('/etc/containers/storage.conf', storageConf)
  writeFileSync('/etc/containers/policy.json', '{"default": [{"type": "insecureAcceptAnything"}]}')
  writeFileSync('/var/tmp/image.tar', webImage())
  await podman('load', '-q', '-i', '/var/tmp/image.tar')
}

export const podman = (...args: string[]): Promise<string> => must('podman', ...args)

/** Of podman, to start a container of the image. */
export const startArguments = (name: string, ...options: string[]): string[] => [
  'run',
  '-d',
  '--cgroups=disabled',
  '--name',
  name,
  ...options,
  'localhost/web',
]

export async function start(name: string, ...options: string[]): Promise<void> {
  await podman(...startArguments(name, ...options))
}

/** A field of `podman inspect` by Go's template: a line for each of the names. */
export const inspect = (names: string, field: string): Promise<string> =>
  podman('inspect', '--format', `{{${field}}}`, ...names.split(' '))
