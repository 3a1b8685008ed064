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
  const say = 'no command specified: the image has neither ENTRYPOINT nor CMD, so set command, for example ["/app"]'
  throw new KubehopError('pod', 'command', 'CreateContainerConfigError', say)
}
