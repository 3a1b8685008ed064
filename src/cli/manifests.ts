import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../api/client/client.ts'
import { type Manifest, parseManifests } from '../api/manifest.ts'
import { checkTogether, type Destination } from '../api/manifest-set.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import { cidr } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import type { LabRecord } from '../lab/folder.ts'
import { dnsAddress, kubernetesAddress, type Settings } from '../lab/settings.ts'
import { UsageError } from './usage.ts'

/** Every file is read and checked before anything is started: a wrong one changes nothing. */
export function readManifests(paths: string[], to?: Destination): KubeObject[] {
  const manifests: Manifest[] = []
  const wrong: string[] = []
  for (const file of paths.flatMap(filesOf)) {
    let text: string
    try {
      text = readFileSync(file === '-' ? 0 : file, 'utf8')
    } catch (error) {
      wrong.push(`${file}: cannot be read: ${unreadable(file, error as NodeJS.ErrnoException)}`)
      continue
    }
    const parsed = parseManifests(text, file === '-' ? 'standard input' : file)
    manifests.push(...parsed.objects)
    wrong.push(...parsed.errors)
  }
  wrong.push(...checkTogether(manifests, to))
  if (wrong.length > 0)
    throw new KubehopError(
      'manifest',
      'check',
      'Invalid',
      `nothing was changed:\n${wrong.map((line) => `  ${line}`).join('\n')}`,
    )
  return manifests.map(({ object }) => object)
}

function unreadable(file: string, { code, message }: NodeJS.ErrnoException): string {
  if (/^https?:/.test(file)) return `it is an address; fetch it first, or use kubectl apply -f`
  return code === 'ENOENT' ? 'no such file (ENOENT)' : code === 'EACCES' ? 'not allowed (EACCES)' : (code ?? message)
}

function filesOf(path: string): string[] {
  if (path === '-') return [path]
  const found = statSync(path, { throwIfNoEntry: false })
  if (!found?.isDirectory()) return [path]
  const files = readdirSync(path)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .toSorted()
  if (files.length === 0) throw new UsageError(`the folder ${path} holds no .yaml, .yml or .json`)
  return files.map((name) => join(path, name))
}

/** What is known of a lab before it is there. */
export function emptyCluster(settings: Settings): Destination {
  return {
    serviceCidr: settings.serviceCidr,
    taken: new Map<string, string>([
      [kubernetesAddress(settings), 'Service default/kubernetes'],
      [dnsAddress(settings), 'Service kube-system/kube-dns'],
    ]),
    namespaces: ['default', 'kube-system', 'kube-public', 'kube-node-lease'],
  }
}

/** What the running cluster already has: a manifest that does not fit it is refused before anything of it is applied. */
export async function runningCluster(client: Client, lab: LabRecord): Promise<Destination> {
  const [services, namespaces] = await Promise.all([client.list('Service'), client.list('Namespace')])
  return {
    serviceCidr: cidr(lab.serviceCidr),
    // The services of the manifests may be there from an earlier time: who holds an address is known by name.
    taken: new Map(
      services.items.map(({ spec, metadata }) => [
        spec.clusterIP ?? '',
        `Service ${metadata.namespace}/${metadata.name}`,
      ]),
    ),
    namespaces: namespaces.items.map(({ metadata }) => metadata.name),
  }
}
