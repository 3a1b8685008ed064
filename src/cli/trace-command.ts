import { UsageError } from './usage.ts'
export async function traceCommand(_args: string[]): Promise<number> {
  throw new UsageError('soon')
}
