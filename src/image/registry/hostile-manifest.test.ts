import { test } from 'node:test'
import { checkRefused, endless, layer, manifest, onManifest, type Row } from '../testing/hostile-registry.ts'
import { refuse } from '../testing/registry.ts'

const rows: Row[] = [
  {
    about: 'layers that say to be endless',
    code: 'TooLarge',
    says: /the layers of .* have 1000000000000000 bytes/,
    make: manifest((said) => ({ ...said, layers: [{ ...(said['layers'] as object[])[0], size: 1e15 }] })),
  },
  {
    about: 'a configuration that says to be endless',
    code: 'TooLarge',
    says: /the configuration of web:1 has 1000000000 bytes/,
    make: manifest((said) => ({ ...said, config: { ...(said['config'] as object), size: 1e9 } })),
  },
  {
    about: 'a manifest that never ends',
    code: 'TooLarge',
    says: /manifest web:1 .*more than 4194304 bytes/,
    make: onManifest(endless),
  },
  {
    about: 'a manifest that comes byte by byte',
    code: 'TooSlow',
    says: /does not come to the end of manifest web:1/,
    make: onManifest((response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 10)
      response.once('close', () => clearInterval(timer))
    }),
  },
  {
    about: 'no answer at all',
    code: 'TooSlow',
    says: /does not answer within 0.3 s/,
    make: onManifest(() => undefined),
  },
  {
    about: 'a manifest that is no JSON',
    code: 'BadJson',
    says: /the manifest of web:1 is no JSON/,
    make: manifest(() => Buffer.from('<html>')),
  },
  {
    about: 'a manifest that is an index, too',
    code: 'BadJson',
    says: /an index and a manifest in one/,
    make: manifest((said) => ({ ...said, manifests: [] })),
  },
  {
    about: "a manifest of Docker's first format",
    code: 'OldFormat',
    says: /push the image again/,
    make: manifest(() => ({ schemaVersion: 1 })),
  },
  {
    about: 'a manifest that is not what its header says',
    code: 'BadDigest',
    says: /sends "sha256:/,
    make: onManifest((response) =>
      response.writeHead(200, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end('{}'),
    ),
  },
  {
    about: 'a chart',
    code: 'NotAnImage',
    says: /"application\/vnd.cncf.helm.config.v1\+json"/,
    make: manifest((said) => ({
      ...said,
      config: { ...(said['config'] as object), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
    })),
  },
  {
    about: 'an encrypted layer',
    code: 'NotAnImage',
    says: /tar\+gzip\+encrypted/,
    make: manifest((said) => ({
      ...said,
      layers: [
        { ...(said['layers'] as object[])[0], mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted' },
      ],
    })),
  },
  {
    about: 'an image for another processor',
    code: 'WrongPlatform',
    says: /"linux\/riscv64"/,
    make: (registry) => void registry.push('web:1', [layer], { architecture: 'riscv64' }),
  },
  {
    about: 'a configuration of wrong types',
    code: 'BadJson',
    says: /config.Cmd in the configuration of .* is no list/,
    make: (registry) => void registry.push('web:1', [layer], { config: { Cmd: 'sh' } }),
  },
  {
    about: 'no such image',
    code: 'NoImage',
    says: /has no manifest web:1: "MANIFEST_UNKNOWN: no": look at/,
    make: (registry) => registry.manifests.clear(),
  },
  {
    about: 'too many pulls',
    code: 'RateLimited',
    says: /"TOOMANYREQUESTS: no": try again after "60" s/,
    make: onManifest((response) => refuse(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '60' })),
  },
  {
    about: 'an error of the registry, with an endless reason',
    code: 'RegistryError',
    says: /answers 500 when asked for manifest web:1$/,
    make: onManifest((response) => endless(response.writeHead(500))),
  },
  {
    about: 'an unknown way to say who asks',
    code: 'Unauthorized',
    says: /asks for negotiate, ntlm/,
    make: onManifest((response) => refuse(response, 401, '', { 'www-authenticate': 'Negotiate abc==, NTLM' })),
  },
  {
    about: 'a token service that is none',
    code: 'BadAnswer',
    says: /names "file:\/\/\/etc\/passwd" as its token service/,
    make: onManifest((response) =>
      refuse(response, 401, '', { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' }),
    ),
  },
  {
    about: 'a token with a line break in it',
    code: 'BadAnswer',
    says: /characters that no header takes/,
    make(registry) {
      registry.intercept = (_, response, path) => {
        if (path.startsWith('/token')) response.end(JSON.stringify({ token: 'a\r\nb: c' }))
        else refuse(response, 401, '', { 'www-authenticate': `Bearer realm="${registry.origin}/token"` })
        return true
      }
    },
  },
  {
    about: 'tokens that are never good',
    code: 'Unauthorized',
    says: /is the name right, and are there credentials/,
    make(registry) {
      registry.intercept = (_, response, path) => {
        if (path.startsWith('/token')) response.end(JSON.stringify({ token: 'x' }))
        else refuse(response, 401, '', { 'www-authenticate': `Bearer realm="${registry.origin}/token"` })
        return true
      }
    },
  },
]

for (const row of rows) test(`${row.about} is refused, and leaves nothing`, (t) => checkRefused(t, row))
