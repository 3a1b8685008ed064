// Starts and ends a lab again and again, and says what was left: `node scripts/rounds.ts [N]` (default 100).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const main = resolve(import.meta.dirname, '../src/cli/main.ts')
const shop = resolve(import.meta.dirname, '../examples/shop')

/** What is on this machine that a lab could leave. `mark` stands in the paths and titles of its processes. */
function inventory(mark: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const processes = pids.flatMap((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      return words.includes(mark) || /^kubehop (lab|node|pause|shim) .*rounds/.test(words) ? `process ${words}` : []
    } catch {
      return [] // it ended meanwhile
    }
  })
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => `mount ${line}`)
  const links = readdirSync('/sys/class/net').map((name) => `link ${name}`)
  const files = readdirSync(tmpdir())
    .filter((name) => name === `kubehop-${process.getuid?.()}`)
    .map((name) => `file ${name}`)
  return [...processes, ...mounts, ...links, ...files].toSorted()
}

/** Namespaces that live in a process of this user. Those of other labs come and go, so only a lasting growth is told. */
function namespaces(): number {
  const seen = new Set<string>()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      seen.add(readlinkSync(`/proc/${pid}/ns/net`))
    } catch {
      // Another user's, or it ended.
    }
  }
  return seen.size
}

export async function rounds(
  count: number,
  onRound: (round: number, seconds: number) => void = () => {},
): Promise<{ left: string[]; namespaces: [number, number] }> {
  const folder = mkdtempSync(join(tmpdir(), 'kh-rounds-'))
  const env = { ...process.env, KUBEHOP_STATE: join(folder, 'state') }
  const kubehop = (...args: string[]): void =>
    void execFileSync(process.execPath, [main, ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const before = inventory(folder)
  const atFirst = namespaces()
  try {
    for (let round = 1; round <= count; round++) {
      const begun = performance.now()
      kubehop('up', 'rounds', '--json', '-f', shop)
      kubehop('down', 'rounds')
      onRound(round, (performance.now() - begun) / 1000)
    }
    const files = readdirSync(folder).map((name) => `file ${name}`)
    const left = inventory(folder).filter((thing) => !before.includes(thing))
    return { left: [...left, ...files], namespaces: [atFirst, namespaces()] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const count = Number(process.argv[2] ?? 100)
  const result = await rounds(count, (round, seconds) => console.log(`round ${round}: ${seconds.toFixed(2)} s`))
  console.log(result.left.length === 0 ? `nothing was left after ${count} rounds` : `left: ${result.left.join('\n  ')}`)
  console.log(`network namespaces in use: ${result.namespaces.join(' before, ')} after`)
  process.exitCode = result.left.length === 0 ? 0 : 1
}
