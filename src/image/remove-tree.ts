import { readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** How much goes at once: Node's own `rm` begins all of it together, and with many files stops the event loop for a quarter of a second. */
const batch = 32

/** Removes a directory with all that is in it, while other things go on. Fine when it is not there. */
export async function removeTree(path: string): Promise<void> {
  try {
    await removeWithin(path)
    await rmdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** The same without the directory itself. */
export async function removeWithin(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  for (let at = 0; at < files.length; at += batch)
    await Promise.all(files.slice(at, at + batch).map(({ name }) => unlink(join(path, name))))
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name))
}
