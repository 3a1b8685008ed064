import { chmodSync } from 'node:fs'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { AnyObject } from '../json.ts'
import type { KindName } from '../objects/index.ts'
import { allResources, resources } from '../resources.ts'
import type { Persistence } from './store.ts'

const layout = 1

/** Keeps the store in one SQLite file, in write-ahead mode; only one process can have it open. */
export async function openSqlite(path: string): Promise<Persistence> {
  // Only an API server needs it: agents that import this room do not pay for it.
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(path)
  try {
    chmodSync(path, 0o600)
    // Exclusive: a second server on the same file fails here instead of forking history. NORMAL: after a crash of the
    // machine the newest changes may be gone, but never part of one; after a crash of the process nothing is.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    const version = (db.prepare('PRAGMA user_version').get() as { user_version: number }).user_version
    if (version !== 0 && version !== layout)
      throw new Error(`it has layout ${version}, this version of Kubehop reads layout ${layout}: remove the file`)
    db.exec(`BEGIN IMMEDIATE;
      CREATE TABLE IF NOT EXISTS objects (
        kind TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (kind, key)
      ) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS removed (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL);
      PRAGMA user_version = ${layout};
      COMMIT`)
  } catch (error) {
    db.close()
    throw new KubehopError('api', `open ${path}`, 'StoreUnusable', messageOf(error), { cause: error })
  }

  const upsert = db.prepare('INSERT OR REPLACE INTO objects (kind, key, revision, json) VALUES (?, ?, ?, ?)')
  const remove = db.prepare('DELETE FROM objects WHERE kind = ? AND key = ?')
  // A removed object takes its revision along, so the newest removal is kept beside: revisions never go back.
  const mark = db.prepare('INSERT OR REPLACE INTO removed (one, revision) VALUES (1, ?)')
  return {
    load() {
      const rows = db.prepare('SELECT kind, key, revision, json FROM objects').all() as unknown as Row[]
      const marked = db.prepare('SELECT revision FROM removed').get() as { revision: number } | undefined
      let revision = marked?.revision ?? 0
      const objects = rows.map((row) => {
        revision = Math.max(revision, row.revision)
        return { kind: kindOf(row.kind), object: JSON.parse(row.json) as AnyObject }
      })
      return { revision, objects }
    },
    write(kind, key, object, revision) {
      upsert.run(kind, key, revision, JSON.stringify(object))
    },
    remove(kind, key, revision) {
      db.exec('BEGIN IMMEDIATE')
      try {
        remove.run(kind, key)
        mark.run(revision)
        db.exec('COMMIT')
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    },
    close: () => db.close(),
  }
}

interface Row {
  kind: string
  key: string
  revision: number
  json: string
}

function kindOf(text: string): KindName {
  if (Object.hasOwn(resources, text)) return text as KindName
  const known = allResources.map((one) => one.kind).join(', ')
  throw new KubehopError('api', 'load', 'StoreUnusable', `the store holds a ${text}; this version knows ${known}`)
}
