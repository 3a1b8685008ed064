import type { Client } from '../../api/client/client.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Secret } from '../../api/objects/simple.ts'
import { parseDockerConfig, type Keyring } from '../../image/registry/keyring.ts'

export interface PullSecrets {
  credentials: Keyring[]
  /** Names of those that are not there, or hold nothing of the kind. */
  missing: string[]
}

/** What the pod's imagePullSecrets, or its account's when it has none of its own, let it show to registries. */
export async function pullSecretsOf(client: Client, { metadata, spec }: Pod): Promise<PullSecrets> {
  const { namespace } = metadata
  let refs = spec.imagePullSecrets ?? []
  // Upstream, admission writes the account's into each pod.
  if (refs.length === 0)
    refs = (await client.get('ServiceAccount', spec.serviceAccountName ?? 'default', namespace))?.imagePullSecrets ?? []
  const found: PullSecrets = { credentials: [], missing: [] }
  for (const name of refs.flatMap((ref) => ref.name ?? [])) {
    const secret = await client.get('Secret', name, namespace)
    const keyring = secret && keyringOf(secret)
    if (keyring) found.credentials.push(keyring)
    else found.missing.push(name)
  }
  return found
}

function keyringOf({ data = {}, metadata }: Secret): Keyring | undefined {
  const text = data['.dockerconfigjson'] ?? data['.dockercfg']
  if (text === undefined) return undefined
  try {
    const said: unknown = JSON.parse(Buffer.from(text, 'base64').toString())
    return parseDockerConfig(said, `the Secret ${metadata.name}`)
  } catch {
    return undefined // what is in it must not be shown; that it cannot be used is told
  }
}
