import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { heldBy } from '../../src/cni/plugin/leases.ts'
import { type Answer, callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { PluginNode } from './cni-plugin-world.ts'

/** Longer on demand: KUBEHOP_RANDOM_SECONDS=500. */
const seconds = Number(process.env['KUBEHOP_RANDOM_SECONDS'] ?? 12)

const canCrash = spawnSync('strace', ['-V']).error === undefined

/** Small ones, so that they are often full; the second has two families, and two ranges in one set; the last another plugin's addresses. */
const networks: readonly { name: string; bridge: string; ranges?: object[][] }[] = [
  { name: 'one', bridge: 'br1', ranges: [[{ subnet: '10.1.0.0/29' }]] },
  {
    name: 'two',
    bridge: 'br2',
    ranges: [[{ subnet: '10.2.0.0/30' }, { subnet: '10.2.1.0/30' }], [{ subnet: 'fd02::/125' }]],
  },
  { name: 'theirs', bridge: 'br3' },
]

/** A plugin that gives 10.3.0.2 to 10.3.0.5, has no GC, and remembers in the folder `given` whom it gave what. */
const other = (given: string): string => `#!/bin/sh
owner="$CNI_CONTAINERID $CNI_IFNAME"
case $CNI_COMMAND in
  ADD)
    for i in 2 3 4 5; do
      [ ! -e ${given}/10.3.0.$i ] || continue
      echo "$owner" > ${given}/10.3.0.$i
      echo '{"ips":[{"address":"10.3.0.'$i'/24"}]}'
      exit
    done
    echo '{"code":117,"msg":"there are no more"}'
    exit 1;;
  DEL)
    for file in ${given}/*; do
      [ "$(cat $file 2>&1)" != "$owner" ] || rm $file
    done;;
esac
`

interface Owner {
  network: number
  container: number
  ifname: string
}
type Step =
  | ({ do: 'ADD' | 'DEL' } & Owner)
  /** Killed before the nth time that it makes this system call. */
  | ({ do: 'crash'; command: 'ADD' | 'DEL'; call: string; nth: number } & Owner)
  | { do: 'GC' | 'STATUS'; network: number }
  /** The pod's namespace goes, and nobody says so. */
  | { do: 'end'; container: number }

const owner = {
  network: fc.nat(networks.length - 1),
  container: fc.nat(7),
  ifname: fc.constantFrom('eth0', 'eth1'),
}
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ do: fc.constant('ADD' as const), ...owner }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('DEL' as const), ...owner }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('GC' as const, 'STATUS' as const), network: owner.network }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), container: owner.container }) },
  {
    weight: canCrash ? 1 : 0,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      command: fc.constantFrom('ADD' as const, 'DEL' as const),
      call: fc.constantFrom('sendto', 'sendmsg', 'write', 'link', 'unlink', 'rename', 'flock'),
      nth: fc.integer({ min: 1, max: 6 }),
      ...owner,
    }),
  },
)

/** A node, its pods, and what a runtime that does all as it should knows of them. */
class Machine extends PluginNode {
  readonly pods: (Netns | undefined)[] = Array.from({ length: 8 }, () => createNetns())
  /** Attachments by owner: the addresses that ADD answered. Of pods that ended, too, until DEL. */
  readonly attached = new Map<string, readonly string[]>()

  /** What was killed under way, and not yet cleaned up. */
  readonly unsure = new Set<string>()

  readonly given: string = join(this.dataDir, 'given')
  readonly plugins: string = join(this.dataDir, 'plugins')

  constructor() {
    super()
    for (const folder of [this.given, this.plugins]) mkdirSync(folder)
    writeFileSync(join(this.plugins, 'other'), other(this.given), { mode: 0o755 })
  }

  #env(command: string, { container, ifname }: Owner): NodeJS.ProcessEnv {
    const pod = this.pods[container]
    return {
      PATH: process.env['PATH'],
      CNI_COMMAND: command,
      CNI_CONTAINERID: `c${container}`,
      CNI_NETNS: pod === undefined ? '/gone' : `/proc/${process.pid}/fd/${pod.fd}`,
      CNI_IFNAME: ifname,
      CNI_PATH: this.plugins,
    }
  }

  #stdin(network: number, more: object = {}): string {
    const { name, bridge, ranges } = networks[network] ?? assert.fail()
    const ipam = ranges === undefined ? { type: 'other' } : { ranges }
    return JSON.stringify(
      this.config({ name, bridge, isDefaultGateway: false, isGateway: true, ipMasq: true, ipam, ...more }),
    )
  }

  ask(command: string, of: Owner, more: object = {}): Answer {
    return inNetns(this.ns, () => callPlugin(this.#env(command, of), () => this.#stdin(of.network, more)))
  }

  crash(command: string, call: string, nth: number, of: Owner): void {
    const inject = ['-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL:when=${nth}`]
    inNetns(this.ns, () =>
      spawnSync('strace', [...inject, process.execPath, 'src/cli/main.ts', 'cni'], {
        env: this.#env(command, of),
        input: this.#stdin(of.network),
      }),
    )
  }

  /** `c1 eth0 10.1.0.2` for all that is given of one network, by whoever gives its addresses. */
  written(network: number): string[] {
    const { name, ranges } = networks[network] ?? assert.fail()
    if (ranges === undefined)
      return readdirSync(this.given).map((file) => `${readFileSync(join(this.given, file), 'utf8').trim()} ${file}`)
    return heldBy(this.dataDir, name).map(({ lease }) => `${lease.id} ${lease.ifname} ${lease.address}`)
  }

  /** All of one network that the runtime knows of. */
  known(network: number): Owner[] {
    return [...this.attached.keys()].map(ownerOf).filter((one) => one.network === network)
  }

  /** What pods that live have on their interfaces, of the networks' ranges. */
  inPods(): string[] {
    return this.pods.flatMap((pod) => {
      if (pod === undefined) return []
      using socket = openRouteSocket(pod)
      return socket.addresses().flatMap((one) => (/^(10\.|fd)/.test(one.address) ? [String(one.address)] : []))
    })
  }

  override [Symbol.dispose](): void {
    for (const pod of this.pods) pod?.close()
    super[Symbol.dispose]()
  }
}

const keyOf = ({ network, container, ifname }: Owner): string => `${network} ${container} ${ifname}`

function ownerOf(key: string): Owner {
  const [network, container, ifname = ''] = key.split(' ')
  return { network: Number(network), container: Number(container), ifname }
}

function carryOut(machine: Machine, step: Step): void {
  switch (step.do) {
    case 'ADD': {
      if (machine.pods[step.container] === undefined) return
      const { out, exitCode } = machine.ask('ADD', step)
      if (exitCode !== 0) return assertRefused(machine, step, out)
      assert.ok(!machine.attached.has(keyOf(step)), `ADD twice: ${keyOf(step)}`)
      const ips = ((out?.['ips'] ?? []) as { address: string }[]).map(({ address }) => address.replace(/\/.*/, ''))
      machine.attached.set(keyOf(step), ips)
      return
    }
    case 'DEL': {
      const { out, exitCode } = machine.ask('DEL', step)
      assert.equal(exitCode, 0, JSON.stringify(out))
      machine.attached.delete(keyOf(step))
      machine.unsure.delete(keyOf(step))
      return
    }
    case 'crash': {
      const { command, call, nth } = step
      if (command === 'ADD' && (machine.pods[step.container] === undefined || machine.attached.has(keyOf(step)))) return
      machine.crash(command, call, nth, step)
      // Whether or not it came to its end before: the runtime heard nothing, and says DEL, or (`nth`) leaves it to GC.
      machine.attached.delete(keyOf(step))
      machine.unsure.add(keyOf(step))
      if (nth % 2 === 0) carryOut(machine, { ...step, do: 'DEL' })
      return
    }
    case 'GC': {
      const valid = machine
        .known(step.network)
        .map(({ container, ifname }) => ({ containerID: `c${container}`, ifname }))
      const more = { 'cni.dev/valid-attachments': valid }
      const { out, exitCode } = machine.ask('GC', { network: step.network, container: 0, ifname: 'eth0' }, more)
      assert.equal(exitCode, 0, JSON.stringify(out))
      for (const key of machine.unsure) if (ownerOf(key).network === step.network) machine.unsure.delete(key)
      return assertNoLeak(machine, step.network)
    }
    case 'STATUS': {
      const { out } = machine.ask('STATUS', { network: step.network, container: 0, ifname: 'eth0' })
      return assert.ok(out === undefined || [50, 51].includes(Number(out['code'])), JSON.stringify(out))
    }
    case 'end': {
      machine.pods[step.container]?.close()
      machine.pods[step.container] = undefined
      return
    }
  }
}

/** Nothing is kept of an ADD that failed. */
function assertRefused(machine: Machine, of: Owner, out: Answer['out']): void {
  assert.ok([100, 102, 117].includes(Number(out?.['code'])), JSON.stringify(out))
  if (machine.attached.has(keyOf(of)) || machine.unsure.has(keyOf(of))) return
  const kept = machine.written(of.network).find((line) => line.startsWith(`c${of.container} ${of.ifname} `))
  assert.equal(kept, undefined, `kept of ${keyOf(of)}: ${JSON.stringify(out)}`)
}

/** After GC, exactly the runtime's own are written down; those of pods that ended may have gone to somebody else, or to nobody. */
function assertNoLeak(machine: Machine, network: number): void {
  const written = machine.written(network)
  const owners = machine.known(network)
  const own = (of: readonly Owner[]): string[] =>
    of.flatMap((one) =>
      (machine.attached.get(keyOf(one)) ?? []).map((address) => `c${one.container} ${one.ifname} ${address}`),
    )
  const allowed = own(owners)
  for (const line of written) assert.ok(allowed.includes(line), `${line} is nobody's: ${allowed.join(', ')}`)
  const living = own(owners.filter(({ container }) => machine.pods[container] !== undefined))
  for (const line of living) assert.ok(written.includes(line), `${line} was lost`)
}

function assertOneOwnerEach(machine: Machine): void {
  const inPods = machine.inPods()
  assert.equal(new Set(inPods).size, inPods.length, `one address in two pods: ${inPods.join(', ')}`)
  for (const [key, addresses] of machine.attached) {
    if (machine.pods[ownerOf(key).container] === undefined) continue
    for (const address of addresses) assert.ok(inPods.includes(address), `${key} lost ${address}`)
  }
}

test('whatever is added, deleted, collected, killed or ended: no address has two owners, and GC leaves none without one', () => {
  let calls = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
      using machine = new Machine()
      for (const one of steps) {
        carryOut(machine, one)
        assertOneOwnerEach(machine)
        calls++
      }
      for (const network of networks.keys()) {
        machine.attached.clear()
        carryOut(machine, { do: 'GC', network })
        assert.deepEqual([machine.written(network), machine.leases(networks[network]?.name)], [[], []])
      }
      assert.equal(machine.veths(), 0, join(...machine.socket.links().map(({ name }) => name)))
    }),
    { numRuns: 1_000_000, interruptAfterTimeLimit: 1000 * seconds, endOnFailure: true },
  )
  assert.ok(calls >= 30, `only ${calls} steps`)
})
