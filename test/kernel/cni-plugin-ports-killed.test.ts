import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { cidr } from '../../src/base/address.ts'
import { openPodNetwork } from '../../src/cni/network.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { Bundled, killBefore, noStrace, strace } from './strace.ts'
import { askTcp, machineBeside, all, serveTcp } from './cni-plugin-ports-world.ts'

/** Lets a process connect a pod, and kills it before its nth message to the kernel. false: it came to its end before. */
function killed(adder: Bundled, node: Netns, stateDir: string, pod: Netns, nth: number): boolean {
  const program = [process.execPath, adder.path, stateDir, `/proc/${process.pid}/fd/${pod.fd}`]
  const { status, signal, stderr } = inNetns(node, () =>
    spawnSync(...strace(...killBefore('sendto', nth), ...program), { encoding: 'utf8' }),
  )
  assert.ok(signal === 'SIGKILL' || status === 0, stderr)
  return signal === 'SIGKILL'
}

test('killed while it connects a pod, the agent finds the pod with all that it was to have at its next start, or nothing of it', {
  skip: noStrace,
}, async () => {
  using adder = await Bundled.of('test/kernel/cni-plugin-ports-adder.ts')
  const outcomes = { whole: 0, nothing: 0 }
  for (let nth = 1, goesOn = true; goesOn; nth++) {
    using node = createNetns()
    using outside = machineBeside(node)
    using pod = createNetns()
    const stateDir = mkdtempSync(join(tmpdir(), 'cni-ports-'))
    goesOn = killed(adder, node, stateDir, pod, nth)
    const network = openPodNetwork({
      podCidr: cidr('100.96.1.0/24'),
      stateDir,
      ns: node,
      log: pino({ level: 'silent' }),
    })
    const isThere = network.get('a') !== undefined
    using socket = openRouteSocket(node)
    const detours = socket.links().filter(({ kind }) => kind === 'ifb')
    await using servers = all(...(isThere ? [serveTcp(pod, 80, 'a')] : []))
    const answer = await askTcp(outside, '192.0.2.1', 8080)
    const wanted = isThere ? [1, 'a 192.0.2.2'] : [0, 'refused']
    assert.deepEqual([detours.length, answer], wanted, `killed at message ${nth}`)
    assert.equal(servers.length, Number(isThere))
    outcomes[isThere ? 'whole' : 'nothing']++
    network.close()
    rmSync(stateDir, { recursive: true })
  }
  assert.ok(outcomes.whole > 0 && outcomes.nothing > 10, JSON.stringify(outcomes))
})
