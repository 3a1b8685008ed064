import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { entering } from '../../src/kernel/cgroup/entering.ts'
import { findPlace, type Group, makeGroup, openGroup, removePlace } from '../../src/kernel/cgroup/groups.ts'

const { place, missing } = findPlace(`${process.env['KUBEHOP_TEST_GROUPS'] ?? ''}/test-${process.pid}`)
const whole = place.cpu && place.memory && place.pids
const skip = whole ? false : `no group can be made here: ${Object.values(missing).join('; ')}`

/** A shell that enters the group and then becomes the script. */
function runIn(group: Group, script: string): ReturnType<typeof spawn> {
  const enter = group.entrances.map((file) => `echo 0 > ${file}`).join(' && ')
  return spawn('sh', ['-c', `${enter} && { ${script}; }`], { stdio: ['ignore', 'pipe', 'pipe'] })
}

test('why there are no groups is said for each controller', () => {
  for (const one of ['cpu', 'memory', 'pids'] as const) assert.ok(place[one] ?? (missing[one] ?? '').length > 10)
})

test('a group holds what enters it and all that it starts, and ends and removes it', { skip }, async () => {
  const { group } = makeGroup(place, 'pod/container')
  const child = runIn(group, 'sleep 1000 & sleep 1000 & echo in; wait')
  if (child.stdout) await once(child.stdout, 'data')
  assert.equal(group.pids().length, 3)
  assert.deepEqual(openGroup(place, 'pod').pids(), [], 'the group above has no process of its own')
  const gone = once(child, 'exit')
  await group.remove()
  await gone
  for (const file of group.entrances) assert.ok(!existsSync(dirname(file)))
  await group.remove()
  await removePlace(place)
  assert.ok(!existsSync(place.memory?.dir ?? ''))
})

test('what an instance before it left in a group is found', { skip }, async () => {
  const { group, fresh } = makeGroup(place, 'pod/container')
  assert.deepEqual(
    [fresh, makeGroup(place, 'pod/other').fresh, makeGroup(place, 'pod/container').fresh],
    [true, true, false],
  )
  await group.remove()
  // In one hierarchy only, as when somebody was ended while it made them.
  mkdirSync(join(place.memory?.dir ?? '', 'pod/container'))
  assert.equal(makeGroup(place, 'pod/container').fresh, false)
  await removePlace(place)
})

test('who waits so that others need not stays where it is', { skip }, async () => {
  const before = readFileSync('/proc/self/cgroup', 'utf8')
  const enter = entering(place)
  // Twice at once is once.
  assert.equal(enter(), enter())
  await enter()
  assert.equal(readFileSync('/proc/self/cgroup', 'utf8'), before)
  await entering({})()
})

test('more processes than the limit cannot be made', { skip }, async () => {
  const { group } = makeGroup(place, 'few')
  group.limit({ pids: 5 })
  const child = runIn(group, 'for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo not refused')
  const exit = once(child, 'exit')
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await exit
  assert.match(said, /[Cc]annot fork/)
  assert.ok(group.pids().length <= 5)
  await removePlace(place)
})

test('a process that takes more memory than the limit is ended, and the group tells', { skip }, async () => {
  const { group } = makeGroup(place, 'small')
  group.limit({ memory: 32 * 1024 * 1024 })
  const child = runIn(group, 'exec tail /dev/zero')
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL')
  assert.equal(group.oomKills(), 1)
  assert.ok((group.memory() ?? 0) <= 32 * 1024 * 1024)
  await removePlace(place)
})

test('a group gets no more of the processor than its quota', { skip }, async () => {
  const { group } = makeGroup(place, 'slow')
  group.limit({ cpuMost: 100 })
  // Counts its own time: how busy the machine is does not matter.
  const child = runIn(group, 'while :; do :; done')
  const time = (): number => {
    const fields = readFileSync(`/proc/${child.pid}/schedstat`, 'latin1').split(' ')
    return Number(fields[0]) / 1e6
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  const [begun, before] = [performance.now(), time()]
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const share = (time() - before) / (performance.now() - begun)
  assert.ok(share < 0.2, `a tenth was allowed, ${share} was had`)
  await removePlace(place)
})

test('who is allowed more than the group above it gets what that one gives', { skip }, async () => {
  makeGroup(place, 'above').group.limit({ cpuMost: 100 })
  makeGroup(place, 'above/below').group.limit({ cpuMost: 500, memory: 1e30 })
  await removePlace(place)
})

test('what forks without end is ended with its group', { skip }, async () => {
  const { group } = makeGroup(place, 'bomb')
  group.limit({ pids: 60 })
  // Each starts another and ends: the numbers that were just read are of those before.
  const script = 'f() { f & f & :; }; trap "" TERM; while :; do f; done'
  const child = runIn(group, `${script} 2> /dev/null`)
  const gone = once(child, 'exit')
  while (group.pids().length < 20 && child.exitCode === null) await new Promise(setImmediate)
  group.kill()
  await gone
  await group.remove()
  assert.deepEqual(group.pids(), [])
  await removePlace(place)
})

test('what the kernel refuses is said with the file', { skip }, async () => {
  const { group } = makeGroup(place, 'refused')
  assert.throws(() => group.limit({ pids: -5 }), { code: 'Refused', message: /pids\.max/ })
  await removePlace(place)
})
