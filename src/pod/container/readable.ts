import { KubehopError, messageOf } from '../../base/errors.ts'
import { type Becoming, cwdOp, execOp } from './become.ts'

/** What people know from other runtimes, where the kernel refused the program of a container or its directory. */
export function readable(error: unknown, { argv, cwd }: Pick<Becoming, 'argv' | 'cwd'>): unknown {
  if (!(error instanceof KubehopError)) return error
  const refusal = (say: string): KubehopError => new KubehopError('pod', error.op, 'StartError', say, { cause: error })
  if (error.op === cwdOp) {
    const why = noDirectory[error.code] ?? messageOf(error)
    return refusal(`${cwd}: ${why}; set workingDir to a directory that the container has, or mount a volume there`)
  }
  if (error.op !== execOp(argv)) return error
  const name = argv[0] ?? ''
  if (error.code === 'ENOENT')
    return refusal(name.includes('/') ? 'no such file or directory' : 'executable file not found in $PATH')
  return refusal(noProgram[error.code] ?? messageOf(error))
}

const noDirectory: Partial<Record<string, string>> = {
  ENOENT: 'no such directory',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
}

const noProgram: Partial<Record<string, string>> = {
  EACCES: 'permission denied',
  ENOEXEC: 'exec format error: the file is no program and does not begin with "#!"',
}
