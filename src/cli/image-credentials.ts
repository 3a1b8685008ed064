import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { KubehopError, messageOf } from '../base/errors.ts'
import { type Keyring, parseDockerConfig } from '../image/registry/keyring.ts'

/** What `docker login` has left for a registry: in its configuration file, or with the helper program that this names. */
export async function ownCredentials(registry: string): Promise<Keyring[]> {
  const file = join(process.env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
  const config = readConfig(file)
  if (config === undefined) return []
  const rings = [parseDockerConfig(config, file)]
  // Docker's own name for its registry, as docker login has it.
  const server = registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry
  const helper = helperOf(config as { credsStore?: unknown; credHelpers?: unknown }, server)
  if (helper === undefined) return rings
  const entry = await askHelper(helper, server)
  return entry ? [parseDockerConfig({ auths: { [registry]: entry } }, `docker-credential-${helper}`), ...rings] : rings
}

function readConfig(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as unknown
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    const say = `${file} cannot be read: ${error instanceof SyntaxError ? 'it is no JSON' : messageOf(error)}`
    throw new KubehopError('image', 'pull', 'BadCredentials', say, { cause: error })
  }
}

function helperOf(
  { credsStore, credHelpers }: { credsStore?: unknown; credHelpers?: unknown },
  server: string,
): string | undefined {
  const own =
    typeof credHelpers === 'object' && credHelpers ? (credHelpers as Record<string, unknown>)[server] : undefined
  const helper = own ?? credsStore
  // It becomes the name of a program.
  return typeof helper === 'string' && /^[A-Za-z0-9_-]+$/.test(helper) ? helper : undefined
}

/** github.com/docker/docker-credential-helpers: the registry on its standard input, JSON on its standard output. undefined when it has nothing. */
function askHelper(helper: string, server: string): Promise<object | undefined> {
  return new Promise((resolve, reject) => {
    const program = `docker-credential-${helper}`
    const child = execFile(program, ['get'], { timeout: 30_000 }, (error, output) => {
      if (error && /credentials not found/i.test(output)) return resolve(undefined)
      try {
        if (error) throw error
        const { Username, Secret } = JSON.parse(output) as { Username?: unknown; Secret?: unknown }
        resolve(Username === '<token>' ? { identitytoken: Secret } : { username: Username, password: Secret })
      } catch (cause) {
        // What it printed may be a password.
        const why = error
          ? error.code === 'ENOENT'
            ? 'it is not installed'
            : 'it has failed'
          : 'its answer is no JSON'
        const say = `${program}, which Docker's configuration names for credentials, gives none: ${why}`
        reject(new KubehopError('image', 'pull', 'BadCredentials', say, { cause }))
      }
    })
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(server)
  })
}
