// Runs every test: pure ones as they are; those in test/kernel inside fresh namespaces, so that they work as any user and cannot touch the
// machine's own network; whole clusters (test/e2e) from outside, as a person starts them; and last what looks at the whole machine (test/machine).
//   npm test [-- pure|kernel|e2e|machine ...] [-- FILE ...]
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inside } from './inside.ts'
import { prepare } from './prepare.ts'

const lanes = {
  pure: {
    files: [
      'src/**/*.test.ts',
      'examples/*.test.ts',
      'examples/{shop,image}/*.test.ts',
      'scripts/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    concurrency: 2,
    run: outside,
  },
  // More than two processors can do at once: a third of the time these wait, for periods and time limits to pass.
  kernel: { files: ['test/kernel/**/*.test.ts'], concurrency: 3, run: inNamespaces },
  // Labs do not see each other, and much of what a test of one does is to wait for it.
  e2e: {
    files: ['test/e2e/**/*.test.ts', 'examples/suite/*.test.ts'],
    concurrency: 2,
    first: compileLab,
    run: outside,
  },
  // What looks at the whole machine, on which there may be no lab of another test meanwhile.
  machine: { files: ['test/machine/*.test.ts'], concurrency: 1, first: compileLab, run: outside },
}

/** Several times what any lane takes on two cores; one that hangs is ended, and fails. */
const limitMs = 20 * 60_000

const wanted = process.argv.slice(2)
const env = {
  ...process.env,
  // Every test file, every command and every process of a lab is a Node of its own, from source. What one has made of the sources is there for the next,
  // which then starts in a third of the time.
  NODE_COMPILE_CACHE: resolve('.cache/compiled'),
  ...(await prepare(wanted)),
}
const folder = mkdtempSync(join(tmpdir(), 'kubehop-test-'))
const failed: string[] = []
for (const [name, lane] of Object.entries(lanes)) {
  // Long ones first, so that no lane ends with one that was begun late.
  const files = globSync(lane.files).toSorted((a, b) => statSync(b).size - statSync(a).size)
  const chosen = wanted.length === 0 || wanted.includes(name) ? files : files.filter((file) => wanted.includes(file))
  if (chosen.length === 0) continue
  console.log(`\n${name}: ${chosen.length} files`)
  if ('first' in lane) lane.first()
  const args = [
    '--import=./scripts/ends.ts',
    '--test',
    `--test-concurrency=${lane.concurrency}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/failures.ts',
    `--test-reporter-destination=${join(folder, name)}`,
    '--test-timeout=240000',
    ...chosen,
  ]
  const begun = Date.now()
  if ((await lane.run(args)) === 0) continue
  const late = Date.now() - begun >= limitMs
  failed.push(
    `${name}:${late ? ` not done after ${limitMs / 60_000} minutes, so it was ended` : ''}\n${readFileSync(join(folder, name), 'utf8')}`,
  )
}
rmSync(folder, { recursive: true })
if (failed.length > 0) {
  console.log(`\nWhat failed, once more\n\n${failed.join('\n')}`)
  process.exitCode = 1
}

/** Starts each program of a lab as far as it comes without options: those of labs are killed in the end, and then Node keeps nothing of what it made. */
function compileLab(): void {
  for (const words of [['supervise'], ['node'], ['dns', '--print']])
    spawnSync(process.execPath, ['src/cli/main.ts', ...words], { stdio: 'ignore', env })
}

function outside(args: string[]): number {
  const { status } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
    timeout: limitMs,
    killSignal: 'SIGKILL',
  })
  return status ?? 1
}

function inNamespaces(args: string[]): Promise<number> {
  return inside(args, env, 'kubehop tests', limitMs)
}
