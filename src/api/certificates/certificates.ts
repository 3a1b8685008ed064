import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { type Address, addressBytes, parseAddress } from '../../base/address.ts'
import { bitString, boolean, context, integer, octetString, oid, sequence, setOf, time, utf8String } from './der.ts'

/** PEM texts. The key is PKCS #8. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

export interface Subject {
  /** The common name: a user for Kubernetes. */
  readonly name: string
  /** Organizations: groups for Kubernetes. */
  readonly groups?: readonly string[]
}

const day = 24 * 3600 * 1000
const years = 10 * 365 * day

/** A new certificate authority, good for ten years. Keys are ECDSA P-256, signatures with SHA-256. */
export function makeAuthority(name: string): KeyPair {
  const { publicKey, privateKey } = makeKey()
  const subject = distinguishedName({ name })
  const own = keyId(publicKey)
  const cert = signed({
    subject,
    issuer: subject,
    publicKey,
    signer: privateKey,
    extensions: [
      extension(ids.basicConstraints, sequence(boolean(true)), true),
      // digitalSignature, keyCertSign, cRLSign
      extension(ids.keyUsage, bitString(Uint8Array.of(0b1000_0110), 1), true),
      extension(ids.subjectKeyIdentifier, octetString(own)),
    ],
  })
  return { cert, key: pemOf(privateKey) }
}

/** A certificate for a server that is reached under these DNS names and addresses. */
export function makeServerCertificate(
  authority: KeyPair,
  subject: Subject,
  names: readonly (string | Address)[],
): KeyPair {
  return issue(authority, subject, ids.serverAuth, names)
}

/** A certificate by which a user or a node shows who it is. */
export function makeClientCertificate(authority: KeyPair, subject: Subject): KeyPair {
  return issue(authority, subject, ids.clientAuth)
}

/** For a node's agent: it is a client of the API server and a server for it. */
export function makeNodeCertificate(
  authority: KeyPair,
  subject: Subject,
  names: readonly (string | Address)[],
): KeyPair {
  return issue(authority, subject, [ids.clientAuth, ids.serverAuth], names)
}

const ids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const

function issue(
  authority: KeyPair,
  subject: Subject,
  usage: string | readonly string[],
  names: readonly string[] = [],
): KeyPair {
  const { publicKey, privateKey } = makeKey()
  const issuer = new X509Certificate(authority.cert)
  const usages = typeof usage === 'string' ? [usage] : usage
  const extensions = [
    extension(ids.basicConstraints, sequence(), true),
    extension(ids.keyUsage, bitString(Uint8Array.of(0b1000_0000), 7), true),
    extension(ids.extKeyUsage, sequence(...usages.map(oid))),
    extension(ids.subjectKeyIdentifier, octetString(keyId(publicKey))),
    extension(ids.authorityKeyIdentifier, sequence(context(0, keyId(issuer.publicKey), false))),
  ]
  if (names.length > 0) extensions.push(extension(ids.subjectAltName, sequence(...names.map(alternativeName))))
  const cert = signed({
    subject: distinguishedName(subject),
    issuer: subjectOf(issuer),
    publicKey,
    signer: createPrivateKey(authority.key),
    extensions,
  })
  return { cert, key: pemOf(privateKey) }
}

interface Body {
  subject: Uint8Array
  issuer: Uint8Array
  publicKey: KeyObject
  signer: KeyObject
  extensions: Uint8Array[]
}

/** RFC 5280, 4.1: the certificate as PEM. */
function signed({ subject, issuer, publicKey, signer, extensions }: Body): string {
  const now = Date.now()
  const algorithm = sequence(oid(ids.ecdsaWithSha256))
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40
  const content = sequence(
    context(0, integer(2)),
    integer(serial),
    algorithm,
    issuer,
    // A machine whose clock is a little behind must not refuse it.
    sequence(time(new Date(now - day)), time(new Date(now + years))),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...extensions)),
  )
  const certificate = sequence(content, algorithm, bitString(sign('sha256', content, signer)))
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function distinguishedName({ name, groups = [] }: Subject): Uint8Array {
  const part = (id: string, text: string): Uint8Array => setOf(sequence(oid(id), utf8String(text)))
  return sequence(...groups.map((group) => part(ids.organization, group)), part(ids.commonName, name))
}

/** The issuer's subject is written again from its text: authorities made here have a common name only. */
function subjectOf(issuer: X509Certificate): Uint8Array {
  const name = /^CN=(.*)$/m.exec(issuer.subject)?.[1]
  if (name === undefined) throw new Error(`the certificate authority "${issuer.subject}" has no common name`)
  return distinguishedName({ name })
}

function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))
}

/** RFC 5280, 4.2.1.6: [2] dNSName, [7] iPAddress. */
function alternativeName(name: string): Uint8Array {
  const ip = parseAddress(name)
  return ip === undefined ? context(2, Buffer.from(name), false) : context(7, addressBytes(ip), false)
}

/** RFC 5280, 4.2.1.2: the SHA-1 of the public key's bits, which are the last 65 bytes of a P-256 SPKI. */
function keyId(publicKey: KeyObject): Uint8Array {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha1')
    .update(spki.subarray(spki.length - 65))
    .digest()
}

function makeKey(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

/** A private key as PKCS #8. */
export function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' })
}
