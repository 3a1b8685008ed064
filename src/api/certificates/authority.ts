import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kubeconfig } from '../client/kubeconfig.ts'
import { type KeyPair, makeAuthority, makeClientCertificate, pemOf } from './certificates.ts'

/** What a cluster trusts: the authority of its certificates and the key that signs service account tokens (PEM texts). */
export interface Authority extends KeyPair {
  readonly tokenKey: string
}

/** The cluster's authority, kept in `folder` (files only their owner can read) and made at the first time. */
export function openAuthority(folder: string): Authority {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'authority.json')
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Authority
  const authority = newAuthority()
  // Whole or not at all: half a file would lock the cluster out.
  writeFileSync(`${path}.new`, JSON.stringify(authority), { mode: 0o600 })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
  return authority
}

export function newAuthority(name: string = 'kubehop'): Authority {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...makeAuthority(name), tokenKey: pemOf(privateKey) }
}

/** The text of an administrator's kubeconfig for the server at this address. */
export function adminKubeconfig(authority: Authority, server: string, name: string = 'kubehop'): string {
  const admin = makeClientCertificate(authority, { name: `${name}-admin`, groups: ['system:masters'] })
  return kubeconfig({ server, ca: authority.cert, name, ...admin })
}
