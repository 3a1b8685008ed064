import { KubehopError } from '../base/errors.ts'
import { allLabs, isRunning, type LabRecord, readRecord, strangerOf } from './folder.ts'
import { labName } from './settings.ts'

/**
 * The lab that a command means: the one named, else KUBEHOP_LAB, else the only one that runs.
 * @throws KubehopError `NoLab`, `OtherUser`, `SeveralLabs`, or `LabDied` when it is there but its processes are not.
 */
export function chooseLab(named: string | undefined): LabRecord {
  const name = named ?? (process.env['KUBEHOP_LAB'] || undefined)
  if (name !== undefined) return theLab(name)
  const running = runningLabs().map((one) => one.name)
  const [only, second] = running
  if (only !== undefined && second === undefined) return theLab(only)
  if (only !== undefined)
    throw refuse(
      'SeveralLabs',
      `${running.length} labs run (${running.join(', ')}): say which with --lab NAME or KUBEHOP_LAB`,
    )
  const [dead] = allLabs()
  if (dead !== undefined) return theLab(dead)
  throw refuse('NoLab', 'no lab runs: start one with `kubehop up`')
}

/** All labs of this user that run. */
export function runningLabs(): LabRecord[] {
  return allLabs().flatMap((each) => {
    if (strangerOf(each) !== undefined) return []
    const record = readRecord(each)
    return record !== undefined && isRunning(record) ? [record] : []
  })
}

function theLab(name: string): LabRecord {
  const wrong: string[] = []
  labName(name, wrong)
  if (wrong[0]) throw refuse('BadName', wrong[0])
  const record = readRecord(name)
  if (!record) {
    const labs = allLabs()
    throw refuse(
      'NoLab',
      `there is no lab "${name}"${labs.length > 0 ? ` (there is: ${labs.join(', ')})` : ''}: start it with \`kubehop up ${name}\``,
    )
  }
  if (!isRunning(record)) {
    throw refuse(
      'LabDied',
      `lab "${name}" is not running any more (killed, or the machine restarted): \`kubehop up ${name}\` starts it anew, \`kubehop down ${name}\` removes what it left`,
    )
  }
  return record
}

const refuse = (code: string, say: string): KubehopError => new KubehopError('lab', 'choose', code, say)
