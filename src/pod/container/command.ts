import type { Container } from '../../api/objects/pod.ts'
import type { ImageConfig } from '../../image/config.ts'
import { KubehopError } from '../../base/errors.ts'

/**
 * What a container of an image runs: `command` replaces the image's ENTRYPOINT and drops its CMD, `args` replaces its CMD. An empty list is as good
 * as none.
 */
export function commandOf(
  { entrypoint, cmd }: Pick<ImageConfig, 'entrypoint' | 'cmd'>,
  { command = [], args = [] }: { command?: string[]; args?: string[] },
): string[] {
  const argv = command.length > 0 ? [...command, ...args] : [...entrypoint, ...(args.length > 0 ? args : cmd)]
  if (argv.length > 0 && argv[0] !== '') return argv
  throw refusal('no command specified: the image has neither ENTRYPOINT nor CMD, so set command, for example ["/app"]')
}

/**
 * What a container of this machine's own files runs. Where a person sits before it (`kubectl run -it`, `kubectl debug node/... -it`) and no command is
 * given, it is a shell, as it is for the images that people take for that.
 */
export function commandOnHost(
  { stdin = false, tty = false }: Pick<Container, 'stdin' | 'tty'>,
  { command = [], args = [] }: { command?: string[]; args?: string[] },
): string[] {
  const argv = [...command, ...args]
  if (argv.length > 0 && argv[0] !== '') return argv
  if (argv.length === 0 && stdin && tty) return ['sh']
  throw refusal(
    'no command is given, and the image "host" has none of its own: set command, for example ["node", "server.js"]',
  )
}

function refusal(say: string): KubehopError {
  return new KubehopError('pod', 'command', 'CreateContainerConfigError', say)
}
