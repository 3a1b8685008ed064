import { declareRaw, errnoName } from './libc.ts'

const lsetxattr = declareRaw<[string, string, Uint8Array, number, number]>(
  'int lsetxattr(const char *, const char *, const void *, size_t, int)',
)

/** Sets an extended attribute (xattr(7)) of a file, not of what a link leads to. Undefined, or errno's name: who may set which, and where, differs much. */
export function setAttribute(path: string, name: string, value: Uint8Array): string | undefined {
  const result = lsetxattr(path, name, value, value.length, 0)
  return result < 0 ? errnoName(-result) : undefined
}
