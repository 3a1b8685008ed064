import { ApiError, type Client } from '../api/client/client.ts'
import type { KindName } from '../api/objects/index.ts'
import { messageOf } from '../base/errors.ts'
import type { Action, Bind, Create, Delete, Tell } from './action.ts'
import { isTerminating } from './conditions.ts'
import type { LiveView } from './live.ts'
import type { AnyObject } from './view.ts'

/** Does the actions in order and lets the view know at once. The first refusal ends it: what follows may rest on what failed. */
export async function perform(client: Client, live: LiveView, actions: readonly Action[]): Promise<void> {
  for (const action of actions) await one(client, live, action)
}

async function one(client: Client, live: LiveView, action: Action): Promise<void> {
  switch (action.do) {
    case 'create':
      return create(client, live, action)
    case 'patch':
      return live.wrote(await client.patch(action.kind, action.name, action.namespace, action.patch, action.part))
    case 'delete':
      return remove(client, live, action)
    case 'bind':
      return bind(client, live, action)
    case 'tell':
      return say(client, action, {})
  }
}

async function create(client: Client, live: LiveView, action: Create<KindName>): Promise<void> {
  // Nothing new is let into a namespace on its way out, and what wants it there goes as well.
  const home = live.view.get('Namespace', action.object.metadata.namespace ?? '')
  if (home && isTerminating(home)) return
  try {
    const made: AnyObject = await client.create(action.kind, action.object)
    live.wrote(made)
    if (action.tell) say(client, action.tell, { name: made.metadata.name })
  } catch (error) {
    if (action.tellRefusal) say(client, action.tellRefusal, { error: messageOf(error) })
    throw error
  }
}

async function remove(client: Client, live: LiveView, action: Delete): Promise<void> {
  const { kind, name, namespace, uid, now, foreground } = action
  try {
    await client.delete(kind, name, namespace, {
      propagationPolicy: foreground ? 'Foreground' : 'Background',
      ...(uid !== undefined && { uid }),
      ...(now && { gracePeriodSeconds: 0 }),
    })
  } catch (error) {
    // Somebody else was faster, or it is another object of that name by now: this one is gone either way.
    const gone = error instanceof ApiError && (error.code === 404 || (uid !== undefined && error.code === 409))
    if (!gone) throw error
    return
  }
  live.deleted(kind, namespace === undefined ? name : `${namespace}/${name}`, uid)
  if (action.tell) say(client, action.tell, { name })
}

async function bind(client: Client, live: LiveView, { name, namespace, node }: Bind): Promise<void> {
  live.wrote(await client.bind(name, namespace, node))
}

function say(client: Client, { about, type, reason, message }: Omit<Tell, 'do'>, words: Record<string, string>): void {
  client.event(
    about,
    type,
    reason,
    message.replace(/\{(name|error)\}/g, (text, word: string) => words[word] ?? text),
  )
}
