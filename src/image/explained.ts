import { KubehopError, messageOf } from '../base/errors.ts'

/** The system's own complaints about a store's folder, in words that say what to do. */
export function explained(error: unknown, folder: string): unknown {
  if (error instanceof KubehopError || !(error instanceof Error) || !('code' in error)) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const say = `no space is left in ${folder}: make room, or set KUBEHOP_STATE to a larger folder`
    return new KubehopError('image', 'write', 'NoSpace', say, { cause: error })
  }
  if (typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return error
  return new KubehopError('image', 'write', code, `cannot use ${folder}: ${messageOf(error)}`, { cause: error })
}
