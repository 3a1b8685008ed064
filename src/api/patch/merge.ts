import { isRecord, own, set } from '../json.ts'

/** RFC 7386: null removes, objects merge, everything else replaces. Changes and returns `target`. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch
  const merged = isRecord(target) ? target : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else set(merged, key, mergePatch(own(merged, key), value))
  }
  return merged
}
