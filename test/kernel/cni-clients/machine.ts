import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { MS_BIND, MS_REC, MS_SLAVE } from '../../../src/kernel/launch/syscalls.ts'
import { declare } from '../../../src/kernel/libc.ts'
import { mountTmpfs, unmount } from '../../../src/kernel/mount.ts'
import { createNetns, inNetns, type Netns } from '../../../src/kernel/netns.ts'
import { deleteLink, setLink } from '../../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../../src/kernel/rtnetlink/socket.ts'

// Runtimes have their files at places that no option moves: /etc/cni, /var/lib/cni, /run. So this process leaves for mounts and a network of its own, in which
// Debian's packages are as if installed and nothing else ever was. What they write is gone with it.

const CLONE_NEWNS = 0x2_0000
const CLONE_NEWNET = 0x4000_0000
const unshare = declare<[number]>('int unshare(int)')
const setns = declare<[number, number]>('int setns(int, int)')
const mount = declare<[string, string, string, number, string]>(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
)

/** As scripts/prepare.ts unpacked them; undefined when the machine has what it has. */
export const packages: string | undefined = process.env['CONTAINER_CLIENTS']

/** The folders that a runtime writes to: empty at first. */
const empty = ['/run', '/var', '/opt', '/dev/shm', '/sys/fs/cgroup']

export const pluginFolder = '/opt/cni/bin'
export const confFolder = '/etc/cni/net.d'
/** crun, for a machine whose cgroups are not ours and whose one user may be all that there is. */
export const ociRuntime = '/opt/oci/crun'

let stage = ''

/** Which of these programs is not here, in words for a skipped test; false when all are. */
export function lacks(...programs: string[]): string | false {
  const absent = programs.find((name) => where(name) === undefined)
  if (absent !== undefined) return `${absent} is not here`
  // In a container there is no loader for the libraries of another.
  return readFileSync(busybox()).includes('/ld-') ? 'no busybox without libraries is here' : false
}

/** Where a program is before this process has entered the machine. */
export function where(program: string): string | undefined {
  const roots = packages === undefined ? [''] : [packages, '']
  return roots
    .flatMap((root) => ['bin', 'usr/bin', 'usr/sbin'].map((folder) => join(root, '/', folder, program)))
    .find((path) => existsSync(path))
}

/** Takes this process's main thread there for good: programs that it starts, its synchronous file calls, its sockets. */
export function enterMachine(): void {
  const ns = createNetns()
  setns('enter a network namespace', ns.fd, CLONE_NEWNET)
  ns.close()
  unshare('have mounts of its own', CLONE_NEWNS)
  mount('keep mounts inside', 'none', '/', '', MS_REC | MS_SLAVE, '')
  const kept = [join(process.cwd(), 'package.json'), process.execPath].map((file) => ({
    file,
    fd: openSync(dirname(file), 'r'),
  }))
  stage = mkdtempSync(join(tmpdir(), 'kubehop-machine-'))
  mountTmpfs(stage, 'mode=755')
  mount('mount /etc', ownEtc(), '/etc', '', MS_BIND, '')
  mount('mount /usr', 'machine', '/usr', 'overlay', 0, `lowerdir=${userland().join(':')},userxattr`)
  for (const path of empty.filter((one) => existsSync(one))) mountTmpfs(path, 'mode=755')
  for (const { file, fd } of kept) {
    // It may lie below what was just hidden.
    if (!existsSync(file)) {
      mkdirSync(dirname(file), { recursive: true })
      mount(`bring ${dirname(file)} back`, `/proc/self/fd/${fd}`, dirname(file), '', MS_BIND | MS_REC, '')
    }
    closeSync(fd)
  }
  process.chdir(process.cwd())
  for (const folder of ['/var/tmp', '/root', pluginFolder, confFolder, dirname(ociRuntime)])
    mkdirSync(folder, { recursive: true })
  program(ociRuntime, crunWithout)
  using socket = openRouteSocket()
  socket.apply(setLink(socket.link('lo')?.index ?? assert.fail(), { up: true }))
}

/** Ends every process of it, and forgets what a machine forgets with its power: /run, links, rules. */
export async function reboot(): Promise<void> {
  endProcesses()
  unmount('/run')
  mountTmpfs('/run', 'mode=755')
  await must('nft', 'flush', 'ruleset')
  using socket = openRouteSocket()
  for (const { kind, name } of socket.links()) if (kind === 'bridge' || kind === 'veth') socket.ensure(deleteLink(name))
}

/** Ends every process of it that is still there. */
export function leaveMachine(): void {
  endProcesses()
  unmount(stage)
  rmSync(stage, { recursive: true })
}

function endProcesses(): void {
  const mounts = statSync('/proc/thread-self/ns/mnt').ino
  const disks = ['/var', '/run'].map((path) => statSync(path).dev)
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const at = (path: string): { ino: number; dev: number } | undefined =>
      statSync(join('/proc', pid, path), { throwIfNoEntry: false })
    try {
      if (at('ns/mnt')?.ino === mounts || disks.includes(at('root')?.dev ?? 0)) process.kill(Number(pid), 'SIGKILL')
    } catch (error) {
      // It ended by itself meanwhile.
      if (!['ESRCH', 'EACCES', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
  }
}

export interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  ns?: Netns | undefined
  env?: Readonly<Record<string, string>>
}

/** Of all programs. The plugin, too, which runtimes start with theirs: from the source, it is compiled once. */
export const environment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/var/tmp',
  LC_ALL: 'C',
  NODE_COMPILE_CACHE: '/var/tmp/compiled',
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { ns, env = {} } = options
  const child = inNetns(ns, () =>
    spawn(program, args, {
      env: { ...environment, ...env },
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  )
  const ended = Promise.withResolvers<number | null>()
  child.on('error', ended.reject).on('close', ended.resolve)
  const [code, out, err] = await Promise.all([ended.promise, text(child.stdout), text(child.stderr)])
  return { code, out, err }
}

/** What it printed; it must succeed. */
export async function must(program: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(program, args)
  assert.equal(code, 0, `${program} ${args.join(' ')}\n${out}${err}`)
  return out.trim()
}

/** Lines of a shell script, as a program. */
export function program(path: string, lines: readonly string[]): void {
  writeFileSync(path, ['#!/bin/sh', ...lines, ''].join('\n'))
  chmodSync(path, 0o755)
}

/** Where busybox is that needs no libraries. */
export function busybox(): string {
  return where('busybox') ?? assert.fail('no busybox')
}

/** A user namespace of one user has no group 5 for terminals, and none may be asked for. */
const crunWithout = [
  'for argument; do',
  '  case $last in --bundle | -b) sed -i \'s/"gid=5",//; s/,"gid=5"//\' "$argument/config.json" ;; esac',
  '  last=$argument',
  'done',
  'exec crun --cgroup-manager=disabled "$@"',
]

function ownEtc(): string {
  const own = join(stage, 'etc')
  mkdirSync(own)
  const usual = ['passwd', 'group', 'nsswitch.conf', 'ld.so.*', 'alternatives', 'protocols', 'services']
  for (const name of globSync(usual, { cwd: '/etc' }))
    cpSync(join('/etc', name), join(own, name), { recursive: true, verbatimSymlinks: true })
  if (packages !== undefined) cpSync(join(packages, 'etc'), own, { recursive: true, verbatimSymlinks: true })
  writeFileSync(join(own, 'hosts'), '127.0.0.1 localhost\n')
  writeFileSync(join(own, 'resolv.conf'), 'nameserver 192.0.2.53\n')
  return own
}

/** Layers of /usr, topmost first. Installed packages have names that their scripts made; unpacked ones have not. */
function userland(): string[] {
  const links = join(stage, 'usr')
  mkdirSync(join(links, 'sbin'), { recursive: true })
  if (packages === undefined || !existsSync(join(packages, 'usr'))) return [links, '/usr']
  for (const name of ['iptables', 'ip6tables', 'iptables-save', 'iptables-restore'])
    if (!existsSync(join('/usr/sbin', name)))
      symlinkSync(name.replace('tables', 'tables-nft'), join(links, 'sbin', name))
  return [links, join(packages, 'usr'), '/usr']
}
