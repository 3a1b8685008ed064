import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeAuthority, makeClientCertificate, makeNodeCertificate, makeServerCertificate } from './certificates.ts'
import { integer, oid, sequence, time, utf8String } from './der.ts'

const authority = makeAuthority('kubehop test')

test('elements are written as X.690 says', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  assert.equal(hex(integer(2)), '020102')
  assert.equal(hex(integer(128)), '02020080')
  assert.equal(hex(integer(Uint8Array.of(0, 0, 0xff))), '020200ff')
  assert.equal(hex(oid('1.2.840.10045.4.3.2')), '06082a8648ce3d040302')
  assert.equal(hex(time(new Date('2026-01-31T12:00:00Z'))), '170d3236303133313132303030305a')
  assert.equal(hex(time(new Date('2050-01-31T12:00:00Z'))), '180f32303530303133313132303030305a')
  assert.equal(hex(sequence(utf8String('x'.repeat(200)))).slice(0, 14), '3081cb0c81c878')
})

test('any positive integer keeps its value', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (value) => {
      const bytes = Buffer.from(integer(value))
      assert.equal(bytes[1], bytes.length - 2)
      assert.equal(bytes.readIntBE(2, bytes.length - 2), value)
    }),
  )
})

test('node reads what is in a certificate, and the authority signed it', () => {
  const names = ['kubernetes', 'kubernetes.default.svc', '127.0.0.1', 'fd00::1']
  const { cert, key } = makeServerCertificate(authority, { name: 'kube-apiserver' }, names)
  const parsed = new X509Certificate(cert)
  const issuer = new X509Certificate(authority.cert)
  assert.ok(issuer.ca && !parsed.ca)
  assert.ok(parsed.checkIssued(issuer) && parsed.verify(issuer.publicKey))
  assert.ok(parsed.checkPrivateKey(createPrivateKey(key)))
  assert.equal(parsed.checkHost('kubernetes.default.svc'), 'kubernetes.default.svc')
  assert.equal(parsed.checkHost('example.com'), undefined)
  assert.equal(parsed.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(parsed.checkIP('fd00::1'), 'fd00::1')
  assert.deepEqual(parsed.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

test('a client certificate carries the user and its groups', () => {
  const { cert } = makeClientCertificate(authority, { name: 'system:node:node1', groups: ['system:nodes', 'more'] })
  assert.equal(new X509Certificate(cert).subject, 'O=system:nodes\nO=more\nCN=system:node:node1')
  const both = makeNodeCertificate(authority, { name: 'system:node:node1' }, ['192.168.50.11'])
  assert.deepEqual(new X509Certificate(both.cert).keyUsage, ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1'])
})

test('openssl accepts the chain in its strictest mode', (t) => {
  if (spawnSync('openssl', ['version']).error) return t.skip('openssl is not installed')
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-certificates-'))
  try {
    const server = makeServerCertificate(authority, { name: 'kube-apiserver' }, ['localhost', '127.0.0.1'])
    writeFileSync(join(dir, 'ca.pem'), authority.cert)
    writeFileSync(join(dir, 'server.pem'), server.cert)
    const args = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-CAfile',
      join(dir, 'ca.pem'),
      join(dir, 'server.pem'),
    ]
    const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
    assert.equal(status, 0, stdout + stderr)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
