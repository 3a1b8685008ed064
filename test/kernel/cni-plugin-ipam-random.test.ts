import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Answer } from '../../src/cni/plugin/plugin.ts'
import { keyOf, Machine, networks, type Owner, ownerOf } from './cni-plugin-ipam-machine.ts'
import { noStrace } from './strace.ts'

/** Longer on demand: KUBEHOP_RANDOM_SECONDS=500. */
const seconds = Number(process.env['KUBEHOP_RANDOM_SECONDS'] ?? 12)

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
    weight: noStrace === false ? 1 : 0,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      command: fc.constantFrom('ADD' as const, 'DEL' as const),
      call: fc.constantFrom('sendto', 'sendmsg', 'write', 'link', 'unlink', 'rename', 'flock'),
      nth: fc.integer({ min: 1, max: 6 }),
      ...owner,
    }),
  },
)

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
      assert.equal(
        machine.veths(),
        0,
        machine.socket
          .links()
          .map(({ name }) => name)
          .join(', '),
      )
    }),
    { numRuns: 1_000_000, interruptAfterTimeLimit: 1000 * seconds, endOnFailure: true },
  )
  assert.ok(calls >= 30, `only ${calls} steps`)
})
