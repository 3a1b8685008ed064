// Debian's packages for the tests, unpacked into .cache: nothing on the machine changes, no service starts, and an ordinary user can have them.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Name servers and clients that people have, for tests and benches. */
export const dnsPackages: readonly string[] = [
  'bind9-dnsutils',
  'knot-dnsutils',
  'ldnsutils',
  'unbound',
  'dnsperf',
  'musl',
  'busybox',
]

/** Runtimes that load CNI plugins, what their containers are run by, and what one runs in a container. podman brings the reference plugins along. */
export const containerPackages: readonly string[] = ['podman', 'containerd', 'crun', 'busybox-static']

/** Stops a program before a chosen system call, for tests that kill it there. */
export const tracerPackages: readonly string[] = ['strace']

const patienceMs = 180_000

/**
 * The folder in which the packages lie unpacked, with what they need and the machine has not; or why that cannot be had. What is installed on the machine is
 * not unpacked again. Packages that are wanted together have a folder of their own, with `name` at its end.
 */
export function unpacked(packages: readonly string[], name = ''): { folder: string } | { missing: string } {
  const folder = resolve('.cache', `debian-${release()}${name}`)
  const mark = join(folder, 'packages')
  const there = (): boolean => existsSync(mark) && readFileSync(mark, 'utf8') === packages.join(' ')
  if (there()) return { folder }
  if (run('apt-get', ['--version']) === undefined || run('dpkg-deb', ['--version']) === undefined)
    return { missing: `${packages.join(', ')}: there is no apt-get here to get them with` }
  console.log(`unpacking ${packages.join(', ')} for the tests ...`)
  const work = `${folder}-${process.pid}`
  mkdirSync(join(work, 'packages'), { recursive: true })
  try {
    // The machine's package lists may be missing, or so old that their packages are gone.
    if (!download(work, packages, []) && !(update(work) && download(work, packages, ownLists(work))))
      return { missing: `${packages.join(', ')}: apt-get cannot get them` }
    for (const file of readdirSync(join(work, 'packages')))
      if (run('dpkg-deb', ['-x', join(work, 'packages', file), join(work, 'root')]) === undefined)
        return { missing: `${file} cannot be unpacked` }
    mkdirSync(join(work, 'root'), { recursive: true })
    writeFileSync(join(work, 'root/packages'), packages.join(' '))
    // Another run of the tests may have been faster.
    if (there()) return { folder }
    rmSync(folder, { recursive: true, force: true })
    try {
      renameSync(join(work, 'root'), folder)
    } catch (error) {
      if (!there()) throw error
    }
    return { folder }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function release(): string {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return /^VERSION_ID="?([\w.]+)/m.exec(text)?.[1] ?? 'unknown'
}

/** What an installation would bring, according to apt-get, without installing anything. */
function download(work: string, packages: readonly string[], options: readonly string[]): boolean {
  const plan = run('apt-get', [...options, '-s', '--no-install-recommends', 'install', ...packages])
  if (plan === undefined) return false
  const needed = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name)
  if (needed.length === 0) return true
  return run('apt-get', [...options, 'download', ...needed], join(work, 'packages')) !== undefined
}

function update(work: string): boolean {
  mkdirSync(join(work, 'lists/partial'), { recursive: true })
  mkdirSync(join(work, 'cache/archives/partial'), { recursive: true })
  return run('apt-get', [...ownLists(work), 'update']) !== undefined
}

function ownLists(work: string): string[] {
  return ['-o', `Dir::State::lists=${join(work, 'lists')}`, '-o', `Dir::Cache=${join(work, 'cache')}`]
}

/** What it printed; undefined when it failed, or is not there. */
function run(program: string, args: readonly string[], cwd = '/'): string | undefined {
  const env = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' }
  const stdio = ['ignore', 'pipe', 'ignore'] as const
  const { status, stdout } = spawnSync(program, args, {
    stdio: [...stdio],
    encoding: 'utf8',
    env,
    cwd,
    timeout: patienceMs,
  })
  return status === 0 ? stdout : undefined
}
