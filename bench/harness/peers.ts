import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

const version = 'v1.9.1'
const kubernetes = '1.35.2'
const coreDnsVersion = 'v1.14.7'
const cniToolVersion = 'v1.3.1'

/**
 * The folder with reference CNI plugins, built from the Go module proxy once; or why there is none. `build` false: only if that has been done before.
 * Go is used here only: neither the product nor its tests need it.
 */
export function cniPlugins(build: boolean): { folder: string } | { missing: string } {
  const modules = ['main/bridge', 'main/loopback', 'ipam/host-local', 'meta/bandwidth', 'meta/portmap', 'meta/tuning']
  const paths = modules.map((path) => `github.com/containernetworking/plugins/plugins/${path}`)
  return installed(`reference CNI plugins ${version}`, `cni-plugins-${version}`, version, paths, build)
}

/** The program cnitool: libcni, which runtimes have inside, for the command line. `build` as above. */
export function cniTool(build: boolean): { folder: string } | { missing: string } {
  const paths = ['github.com/containernetworking/cni/cnitool']
  return installed(`cnitool ${cniToolVersion}`, `cnitool-${cniToolVersion}`, cniToolVersion, paths, build)
}

/** The folder of that name in .cache with all of these programs of one Go module. */
function installed(
  what: string,
  name: string,
  version: string,
  paths: readonly string[],
  build: boolean,
): { folder: string } | { missing: string } {
  const folder = resolve('.cache/peers', name)
  if (paths.every((path) => existsSync(join(folder, basename(path))))) return { folder }
  if (spawnSync('go', ['version']).status !== 0)
    return { missing: `Go is not here, and ${what} has to be built (Debian: apt-get install golang-go)` }
  if (!build) return { missing: `${what} has not been built yet: npm test does it` }
  console.error(`  building ${what} ...`)
  // Another run of the tests may be looking for them.
  const fresh = `${folder}-${process.pid}`
  mkdirSync(fresh, { recursive: true })
  const built = spawnSync('go', ['install', ...paths.map((path) => `${path}@${version}`)], {
    env: { ...process.env, GOBIN: fresh, CGO_ENABLED: '0' },
    encoding: 'utf8',
    timeout: patienceMs,
  })
  mkdirSync(folder, { recursive: true })
  if (built.status === 0)
    for (const path of paths) renameSync(join(fresh, basename(path)), join(folder, basename(path)))
  rmSync(fresh, { recursive: true })
  if (built.status === 0) return { folder }
  return { missing: `${what} could not be built: ${built.stderr.trim().split('\n').at(-1) ?? ''}` }
}

/** The program kube-proxy; built once, from the Go module proxy. `build` false: only if that has been done before. */
export function kubeProxy(build: boolean): { program: string } | { missing: string } {
  const home = resolve('.cache/peers', `kube-proxy-v${kubernetes}`)
  const program = join(home, 'kube-proxy')
  if (existsSync(program)) return { program }
  if (!build) return { missing: 'kube-proxy has not been built yet: --long does it, some minutes' }
  if (spawnSync('go', ['version']).status !== 0)
    return { missing: 'Go is not here, and kube-proxy has to be built (Debian: apt-get install golang-go)' }
  console.error(`  building kube-proxy ${kubernetes} ...`)
  mkdirSync(home, { recursive: true })
  try {
    const { GoMod } = JSON.parse(go(home, 'mod', 'download', '-json', `k8s.io/kubernetes@v${kubernetes}`)) as {
      GoMod: string
    }
    writeFileSync(join(home, 'go.mod'), moduleFor(readFileSync(GoMod, 'utf8')))
    go(home, 'build', '-o', 'kube-proxy', 'k8s.io/kubernetes/cmd/kube-proxy')
    return { program }
  } catch (error) {
    return { missing: `kube-proxy could not be built: ${(error as Error).message}` }
  }
}

/** The program coredns with its usual plugins; built once, from the Go module proxy. `build` false: only if that has been done before. */
export function coreDns(build: boolean): { program: string } | { missing: string } {
  const home = resolve('.cache/peers', `coredns-${coreDnsVersion}`)
  const program = join(home, 'coredns')
  if (existsSync(program)) return { program }
  if (spawnSync('go', ['version']).status !== 0)
    return { missing: 'Go is not here, and CoreDNS has to be built (Debian: apt-get install golang-go)' }
  if (!build) return { missing: 'CoreDNS has not been built yet: npm test does it, two minutes' }
  console.error(`  building CoreDNS ${coreDnsVersion} ...`)
  mkdirSync(home, { recursive: true })
  try {
    writeFileSync(join(home, 'go.mod'), `module peer\nrequire github.com/coredns/coredns ${coreDnsVersion}\n`)
    // Another run of the tests may be looking for it.
    const fresh = `coredns-${process.pid}`
    go(home, 'build', '-o', fresh, 'github.com/coredns/coredns')
    renameSync(join(home, fresh), program)
    return { program }
  } catch (error) {
    return { missing: `CoreDNS could not be built: ${(error as Error).message}` }
  }
}

/** A module proxy that does not answer must not hold up everything. */
const patienceMs = 15 * 60_000

/** Runs Go in the folder `home`. Throws with the last line that it said. */
function go(home: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('go', args, {
    cwd: home,
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod' },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: patienceMs,
  })
  if (status === 0) return stdout
  throw new Error(stderr.trim().split('\n').at(-1) ?? '')
}

/** The main module of Kubernetes takes its own libraries from folders beside it; from outside they are published modules, v0.35.2 for v1.35.2. */
function moduleFor(goMod: string): string {
  const libraries = [...goMod.matchAll(/^\s*(k8s\.io\/\S+) => \.\/staging\//gm)].map(([, name]) => name)
  const published = `v0.${kubernetes.slice(2)}`
  return [
    'module peer',
    /^go .*$/m.exec(goMod)?.[0] ?? '',
    `require k8s.io/kubernetes v${kubernetes}`,
    'replace (',
    ...libraries.map((name) => `${name} => ${name} ${published}`),
    ')',
    '',
  ].join('\n')
}
