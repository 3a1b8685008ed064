import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { LabRecord } from '../../src/lab/folder.ts'
import { noteFile, writeShop } from './shop.ts'

const run = promisify(execFile)
const kubehop = resolve('kubehop')
const name = 'bench'
const patienceMs = 60_000

export interface BareLab {
  record: LabRecord
  /** What a command about it is started with. */
  env: NodeJS.ProcessEnv
  kubeconfig: string
  down(): Promise<void>
}

export interface BenchLab {
  record: LabRecord
  /** Milliseconds from the start of `./kubehop up` to the end of the command: all pods Ready. */
  allReady: number
  /** Milliseconds from the start of `./kubehop up` to the first 200 that a pod got from http://web/. */
  firstAnswer: number
  down(): Promise<void>
}

/** Nodes and DNS, and no other pods. */
export function startBareLab(nodes: number): Promise<BareLab> {
  return startLabWith(nodes, [])
}

/** With more words for `kubehop up`. */
export async function startLabWith(nodes: number, more: string[]): Promise<BareLab> {
  const place = placeForLab()
  try {
    return { ...(await upIn(place, nodes, more)), env: place.env, down: () => place.down() }
  } catch (error) {
    await place.down()
    throw error
  }
}

/** Three nodes, DNS and the shop, as a person starts them, with state of their own. */
export async function startBenchLab(): Promise<BenchLab> {
  const place = placeForLab()
  const { folder } = place
  const down = (): Promise<void> => place.down()
  const [manifest, notes] = [join(folder, 'shop.yaml'), join(folder, 'notes')]
  mkdirSync(notes)
  writeShop(manifest, notes)
  const note = appears(join(notes, noteFile))
  try {
    const begun = Date.now()
    const { record } = await upIn(place, 3, ['-f', manifest])
    const allReady = Date.now() - begun
    const firstAnswer = Number(await note.content) * 1000 - begun
    return { record, allReady, firstAnswer, down }
  } catch (error) {
    note.content.catch(() => undefined)
    await down()
    throw error
  } finally {
    note.stop()
  }
}

interface Place {
  folder: string
  env: NodeJS.ProcessEnv
  down(): Promise<void>
}

function placeForLab(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
  const env = { ...process.env, KUBEHOP_STATE: join(folder, 'state'), KUBEHOP_LAB: '' }
  return {
    folder,
    env,
    async down() {
      await run(kubehop, ['down', '--all'], { env })
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function upIn({ folder, env }: Place, nodes: number, more: string[]): Promise<Omit<BareLab, 'down' | 'env'>> {
  await run(kubehop, ['up', name, '--nodes', String(nodes), ...more, '--json'], { env })
  const state = join(folder, 'state', name)
  const record = JSON.parse(readFileSync(join(state, 'lab.json'), 'utf8')) as LabRecord
  return { record, kubeconfig: join(state, 'kubeconfig') }
}

function appears(path: string): { content: Promise<string>; stop(): void } {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const look = (): void => {
    if (existsSync(path)) resolve(readFileSync(path, 'utf8'))
  }
  const watcher = watch(join(path, '..'), look)
  const deadline = setTimeout(() => reject(new Error('no pod got an answer from http://web/')), patienceMs)
  look()
  return {
    content: promise,
    stop() {
      watcher.close()
      clearTimeout(deadline)
    },
  }
}
