import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { adminKubeconfig, type Authority, openAuthority } from '../api/certificates/authority.ts'
import { makeNodeCertificate } from '../api/certificates/certificates.ts'
import { kubeconfig } from '../api/client/kubeconfig.ts'
import type { Address } from '../base/address.ts'
import { controlAddress, kubernetesAddress, type Settings } from './settings.ts'

/** The lab's authority, and the administrator's kubeconfig: it is for this machine and goes through 127.0.0.1. */
export function makePki(settings: Settings, folder: string): Authority {
  const authority = openAuthority(join(folder, 'pki'))
  const text = adminKubeconfig(authority, `https://127.0.0.1:${settings.apiPort}`, `kubehop-${settings.name}`)
  writeFileSync(join(folder, 'kubeconfig'), text, { mode: 0o600 })
  return authority
}

/** Under what names and addresses the API server is reached: from the host, on the wire, as a service. */
export function apiNames(settings: Settings): string[] {
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${settings.zone}`,
  ]
  return ['localhost', ...service, '127.0.0.1', controlAddress(settings), kubernetesAddress(settings)]
}

export interface NodeFiles {
  kubeconfig: string
  cert: string
  key: string
  ca: string
}

/** What one node's agent needs to speak with the API server and to be spoken to: paths of files that only this user can read. */
export function nodeFiles(authority: Authority, server: string, folder: string, name: string, at: Address): NodeFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const pair = makeNodeCertificate(authority, { name: `system:node:${name}`, groups: ['system:nodes'] }, [name, at])
  const put = (file: string, text: string): string => {
    const path = join(folder, file)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  return {
    kubeconfig: put('kubeconfig', kubeconfig({ server, ca: authority.cert, ...pair, name }, 'json')),
    cert: put('node.crt', pair.cert),
    key: put('node.key', pair.key),
    ca: put('ca.crt', authority.cert),
  }
}
