import { KubehopError } from '../../base/errors.ts'

/** What an image says of users. */
export interface Accounts {
  /** Its USER: `UID`, `NAME`, with `:GID` or `:GROUP`, or empty. */
  user: string
  /** The texts of its /etc/passwd and /etc/group; empty when it has none. */
  passwd: string
  group: string
}

/** As much as is read of either. */
export const accountsBytes: number = 2 ** 20

export interface Account {
  uid: number
  gid: number
  /** Those that /etc/group gives to the user. */
  groups: number[]
  home: string
}

/**
 * The user that an image's container runs as: `runAsUser` and `runAsGroup` before the image's USER. A user that /etc/passwd knows has its group and
 * home from there (as in runc, containerd and Docker). Throws CreateContainerConfigError for a name that the image's files do not have.
 */
export function accountOf(accounts: Accounts, runAsUser: number | undefined, runAsGroup: number | undefined): Account {
  const users = usersIn(accounts.passwd)
  const groups = groupsIn(accounts.group)
  const [user = '', group = ''] = runAsUser === undefined ? accounts.user.split(':') : [String(runAsUser)]
  const numeric = user === '' || isNumber(user)
  const known = users.find(({ name, uid }) => (numeric ? uid === Number(user) : name === user))
  if (!known && !numeric) throw unknown('user', user, 'passwd')
  const named = groups.find(({ name, gid }) => (isNumber(group) ? gid === Number(group) : name === group))
  if (!named && group !== '' && !isNumber(group)) throw unknown('group', group, 'group')
  return {
    uid: isNumber(user) ? checked(Number(user), accounts.user) : (known?.uid ?? 0),
    gid: runAsGroup ?? named?.gid ?? (group === '' ? (known?.gid ?? 0) : checked(Number(group), accounts.user)),
    groups: known ? groups.flatMap(({ gid, members }) => (members.includes(known.name) ? gid : [])) : [],
    home: known?.home || '/',
  }
}

/** Whether USER names nobody by number: who it is can only be told from the image's files. */
export function isByName({ user }: Accounts): boolean {
  return user !== '' && !isNumber(user.split(':')[0] ?? '')
}

/** passwd(5) */
function usersIn(text: string): { name: string; uid: number; gid: number; home: string }[] {
  return linesOf(text).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    name !== '' && isNumber(uid) && isNumber(gid) ? { name, uid: Number(uid), gid: Number(gid), home } : [],
  )
}

/** group(5) */
function groupsIn(text: string): { name: string; gid: number; members: string[] }[] {
  return linesOf(text).flatMap(([name = '', , gid = '', members = '']) =>
    name !== '' && isNumber(gid) ? { name, gid: Number(gid), members: members.split(',') } : [],
  )
}

function linesOf(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => line.split(':'))
}

const isNumber = (text: string): boolean => /^\d{1,10}$/.test(text)

function checked(id: number, user: string): number {
  if (id < 2 ** 31) return id
  throw refusal(`the image's USER ${JSON.stringify(user)} is no user or group id: set securityContext.runAsUser`)
}

function unknown(what: 'user' | 'group', name: string, file: string): KubehopError {
  return refusal(
    `unable to find ${what} ${name}: the image names it in USER, and its /etc/${file} does not have it: ` +
      `set securityContext.runAs${what === 'user' ? 'User' : 'Group'} to a number`,
  )
}

function refusal(say: string): KubehopError {
  return new KubehopError('pod', 'identity', 'CreateContainerConfigError', say)
}
