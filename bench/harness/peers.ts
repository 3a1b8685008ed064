import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

const version = 'v1.9.1'
const folder = resolve('.cache/peers', `cni-plugins-${version}`)

/**
 * The folder with the reference CNI plugins `bridge` and `host-local`, built from the Go module proxy on first use; or why there is none.
 * Go is used here only: neither the product nor its tests need it.
 */
export function cniPlugins(): { folder: string } | { missing: string } {
  if (['bridge', 'host-local'].every((name) => existsSync(join(folder, name)))) return { folder }
  if (spawnSync('go', ['version']).status !== 0)
    return { missing: 'Go is not here, and the reference plugins have to be built (Debian: apt-get install golang-go)' }
  console.error(`  building the reference CNI plugins ${version} ...`)
  mkdirSync(folder, { recursive: true })
  const packages = ['main/bridge', 'ipam/host-local'].map(
    (path) => `github.com/containernetworking/plugins/plugins/${path}@${version}`,
  )
  const built = spawnSync('go', ['install', ...packages], {
    env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
    encoding: 'utf8',
  })
  if (built.status === 0) return { folder }
  return { missing: `the reference plugins could not be built: ${built.stderr.trim().split('\n').at(-1) ?? ''}` }
}
