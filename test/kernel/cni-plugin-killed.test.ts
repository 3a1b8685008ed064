import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { PluginNode } from './cni-plugin-world.ts'
import { Bundled, callsIn, killBefore, noStrace, strace } from './strace.ts'

/** Whatever the plugin changes, it changes by these. strace counts each for itself. */
const changing = 'sendto flock setns write fsync mkdir link unlink rename'.split(' ')

/**
 * What neither the node, its files nor a pod can tell: reading, waiting, memory, threads, and the ends of what this process opened. openat may make a file:
 * a kill before the write that follows finds it empty. io_uring is how Node's event loop waits: files do not go through it unless UV_USE_IO_URING says so.
 */
const harmless = new Set(
  `read pread64 openat close lseek dup dup3 pipe2 fcntl ioctl stat lstat fstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents64 getcwd
  poll ppoll select epoll_create1 epoll_ctl epoll_wait epoll_pwait eventfd2 io_uring_setup io_uring_enter io_uring_register
  socket socketpair bind getsockname getsockopt setsockopt recvfrom recvmsg statfs fstatfs
  mmap munmap mremap mprotect madvise brk pkey_alloc pkey_free pkey_mprotect
  futex clone3 set_robust_list set_tid_address rseq arch_prctl prctl sched_yield sched_getaffinity sched_getparam sched_getscheduler get_mempolicy
  rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall
  getpid gettid getppid getuid geteuid getgid getegid capget prlimit64 getrlimit getrusage sysinfo uname getrandom
  clock_gettime clock_nanosleep gettimeofday nanosleep execve exit exit_group`.split(/\s+/),
)

/** A node whose plugin can be killed on the way, and asked without a process of its own. */
class Victim extends PluginNode {
  readonly pod: Netns = createNetns()
  readonly #plugin: Bundled
  readonly #config: object = this.config({
    ipMasq: true,
    macspoofchk: true,
    portIsolation: true,
    'cni.dev/valid-attachments': [],
    runtimeConfig: {
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostPort: 53, containerPort: 53, protocol: 'udp' },
      ],
      bandwidth: { ingressRate: 1e9, ingressBurst: 1e9, egressRate: 1e9, egressBurst: 1e9 },
    },
  })

  constructor(plugin: Bundled) {
    super()
    this.#plugin = plugin
  }

  env(command: string): Record<string, string> {
    const netns = `/proc/${process.pid}/fd/${this.pod.fd}`
    return {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'a',
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
    }
  }

  do(command: string): void {
    const { out, exitCode } = inNetns(this.ns, () => callPlugin(this.env(command), () => JSON.stringify(this.#config)))
    assert.equal(exitCode, 0, `${command}: ${JSON.stringify(out)}`)
  }

  /** Kills it before it makes this system call for the nth time. false: it came to its end before. */
  kill(command: string, call: string, nth: number): boolean {
    const { status, signal, stdout } = this.#traced(command, killBefore(call, nth))
    assert.ok(signal === 'SIGKILL' || status === 0, `${command}: ${status} ${stdout}`)
    return signal === 'SIGKILL'
  }

  /** The kinds of system call that it makes: by its first thread, and by the others. */
  calls(command: string): [Set<string>, Set<string>] {
    const log = join(this.dataDir, 'calls')
    const { status, stdout } = this.#traced(command, ['-f', '-qq', '-o', log])
    assert.equal(status, 0, stdout)
    const [first = new Set(), ...others] = callsIn(log)
    rmSync(log)
    return [first, new Set(others.flatMap((calls) => [...calls]))]
  }

  #traced(command: string, options: readonly string[]): SpawnSyncReturns<string> {
    return inNetns(this.ns, () =>
      spawnSync(...strace(...options, process.execPath, this.#plugin.path), {
        env: { PATH: process.env['PATH'], ...this.env(command) },
        input: JSON.stringify(this.#config),
        encoding: 'utf8',
      }),
    )
  }

  links(): string[] {
    return this.socket.links().flatMap(({ kind, name }) => (kind === 'veth' || kind === 'ifb' ? [name] : []))
  }

  assertNothingLeft(when: string): void {
    const tables = inNetns(this.ns, () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '')
    const bridge = this.socket.link('cbr0')
    const localnet = bridge === undefined ? '0' : readSysctl('net.ipv4.conf.cbr0.route_localnet', this.ns)
    assert.deepEqual([this.leases(), this.links(), tables, localnet], [[], [], '', '0'], when)
  }

  override [Symbol.dispose](): void {
    this.pod.close()
    super[Symbol.dispose]()
  }
}

test('a system call of ADD or DEL is one before which we kill, or changes nothing', { skip: noStrace }, async () => {
  using plugin = await Bundled.of('src/cli/cni-main.ts')
  using victim = new Victim(plugin)
  const met = new Set<string>()
  for (const command of ['ADD', 'DEL']) {
    const [first, others] = victim.calls(command)
    const unknown = [...first].filter((call) => !changing.includes(call) && !harmless.has(call))
    assert.deepEqual(unknown, [], `${command} makes system calls that are new: does it change something by them?`)
    // strace counts each thread's calls for itself, and only the first is killed. Node's others wake each other by a write.
    const elsewhere = [...others].filter((call) => call !== 'write' && !harmless.has(call))
    assert.deepEqual(elsewhere, [], `${command} changes something by another thread`)
    for (const call of first) met.add(call)
  }
  assert.deepEqual(
    changing.filter((call) => !met.has(call)),
    [],
    'never called: strike them off the list',
  )
})

test('killed before any system call of ADD that changes something, the plugin leaves nothing behind that DEL or GC does not find', {
  skip: noStrace,
}, async () => {
  using plugin = await Bundled.of('src/cli/cni-main.ts')
  using victim = new Victim(plugin)
  let kills = 0
  for (const call of changing)
    for (let nth = 1; ; nth++) {
      const killed = victim.kill('ADD', call, nth)
      victim.do(kills++ % 2 === 0 ? 'DEL' : 'GC')
      victim.assertNothingLeft(`killed at ${call} number ${nth}`)
      if (!killed) break
    }
  assert.ok(kills > 2 * changing.length, `only ${kills}`)
})

test('killed before any system call of DEL that changes something, the plugin does the rest when it is asked again', {
  skip: noStrace,
}, async () => {
  using plugin = await Bundled.of('src/cli/cni-main.ts')
  using victim = new Victim(plugin)
  let kills = 0
  for (const call of changing)
    for (let nth = 1; ; nth++) {
      victim.do('ADD')
      kills++
      if (!victim.kill('DEL', call, nth)) break
      victim.do('DEL')
      victim.assertNothingLeft(`killed at ${call} number ${nth}`)
    }
  victim.assertNothingLeft('at the end')
  assert.ok(kills > changing.length + 10, `only ${kills}`)
})
