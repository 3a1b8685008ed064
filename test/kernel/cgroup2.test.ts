import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { killIn, removeTree } from '../../src/kernel/cgroup/ending.ts'
import { readHierarchies } from '../../src/kernel/cgroup/hierarchy.ts'
import { offer } from '../../src/kernel/cgroup/offer.ts'

// Version 2, with whichever controller this machine has there: on one with version 1 beside it, that is seldom one of those that limits need.

const mount = readHierarchies().find(({ version }) => version === 2)?.mount
const [controller] =
  mount === undefined ? [] : readFileSync(join(mount, 'cgroup.controllers'), 'utf8').trim().split(/\s+/)
const top = join(mount ?? '', `kubehop-test-${process.pid}`)
const skip = ((): string | false => {
  if (mount === undefined || !controller) return 'no version 2 hierarchy with a controller here'
  try {
    mkdirSync(top)
    return false
  } catch {
    return `${mount} may not be written`
  }
})()

const handedOn = join(mount ?? '', 'cgroup.subtree_control')
const before = skip === false ? readFileSync(handedOn, 'utf8').split(/\s+/) : []
after(() => {
  if (controller && skip === false && !before.includes(controller)) writeFileSync(handedOn, `-${controller}`)
})

test('a controller is handed down from wherever it is, through groups that had none', { skip }, async () => {
  const deep = join(top, 'lab', 'node', 'pod')
  mkdirSync(join(deep, 'container'), { recursive: true })
  assert.equal(offer(deep, controller ?? ''), undefined)
  assert.equal(readFileSync(join(deep, 'container', 'cgroup.controllers'), 'utf8').trim(), controller)
  assert.match(offer(deep, 'nothing') ?? '', /cgroup\.controllers does not list nothing$/)
  // Only the last level may have processes (cgroup-v2.rst, "No Internal Process Constraint").
  const child = spawn('sleep', ['1000'])
  const gone = once(child, 'exit')
  writeFileSync(join(deep, 'container', 'cgroup.procs'), String(child.pid))
  assert.throws(() => writeFileSync(join(deep, 'cgroup.procs'), String(child.pid)), { code: 'EBUSY' })
  assert.match(offer(join(deep, 'container'), controller ?? '') ?? '', /cannot be switched on in .*EBUSY/)
  killIn(join(deep, 'container'))
  await gone
  killIn(join(deep, 'not-there'))
  await removeTree(top)
  assert.ok(!existsSync(top))
})
