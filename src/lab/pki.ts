import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyPair } from '../api/certificates/certificates.ts'
import {
  makeAuthority,
  makeClientCertificate,
  makeNodeCertificate,
  makeServerCertificate,
} from '../api/certificates/certificates.ts'
import { kubeconfig } from '../api/client/kubeconfig.ts'
import type { Address } from '../base/address.ts'
import { address } from '../base/address.ts'
import { controlAddress, kubernetesAddress, type Settings } from './settings.ts'

/** The lab's certificates, all from an authority that lives as long as the lab. */
export interface Pki {
  authority: KeyPair
  /** The API server's, for the host, the wire and the kubernetes service. */
  server: KeyPair
  /** By which the API server shows itself to agents. */
  toNodes: KeyPair
}

/** The administrator's kubeconfig is for this machine: it goes through 127.0.0.1. */
export function makePki(settings: Settings, folder: string): Pki {
  const authority = makeAuthority(`kubehop lab ${settings.name}`)
  const names = [
    'localhost',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${settings.zone}`,
  ]
  const addresses = [address('127.0.0.1'), controlAddress(settings), kubernetesAddress(settings)]
  const server = makeServerCertificate(authority, { name: 'kube-apiserver' }, [...names, ...addresses])
  const toNodes = makeClientCertificate(authority, {
    name: 'kube-apiserver-kubelet-client',
    groups: ['system:masters'],
  })
  const admin = makeClientCertificate(authority, { name: 'kubernetes-admin', groups: ['system:masters'] })
  const text = kubeconfig({
    server: `https://127.0.0.1:${settings.apiPort}`,
    ca: authority.cert,
    ...admin,
    name: `kubehop-${settings.name}`,
  })
  writeFileSync(join(folder, 'kubeconfig'), text, { mode: 0o600 })
  return { authority, server, toNodes }
}

/** What one node's agent needs to speak with the API server and to be spoken to: paths of files that only this user can read. */
export function nodeFiles(
  settings: Settings,
  pki: Pki,
  folder: string,
  name: string,
  at: Address,
): { kubeconfig: string; cert: string; key: string; ca: string } {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const pair = makeNodeCertificate(pki.authority, { name: `system:node:${name}`, groups: ['system:nodes'] }, [name, at])
  const put = (file: string, text: string): string => {
    const path = join(folder, file)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const server = `https://${controlAddress(settings)}:6443`
  return {
    kubeconfig: put('kubeconfig', kubeconfig({ server, ca: pki.authority.cert, ...pair, name })),
    cert: put('node.crt', pair.cert),
    key: put('node.key', pair.key),
    ca: put('ca.crt', pki.authority.cert),
  }
}
