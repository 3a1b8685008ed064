import { KubehopError } from '../base/errors.ts'
import { load, type Loaded, readSource, type Source } from '../dns/config/load.ts'

/** A configuration of the DNS server, and where it came from. */
export interface LoadedFile {
  readonly loaded: Loaded
  readonly source: Source
  readonly text: string
}

/** Throws as {@link load} does. */
export function loadFile(path: string, format: Source['format'], override: Source['override']): LoadedFile {
  const source = { path, format, override }
  const text = readSource(path)
  return { loaded: load(source, text), source, text }
}

/** The list of mistakes that makes `read` throw; what else it throws goes on. */
export function whatIsWrong(read: () => void): string | undefined {
  try {
    read()
  } catch (error) {
    if (!(error instanceof KubehopError && error.op === 'configuration')) throw error
    return error.plain
  }
  return undefined
}
