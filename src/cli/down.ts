import { allLabs, strangerOf } from '../lab/folder.ts'
import { labName } from '../lab/settings.ts'
import { removeLab } from '../lab/stop.ts'
import { atMostOne, parse, UsageError } from './usage.ts'

/** `kubehop down [NAME | --all]` */
export async function down(args: string[]): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: { all: { type: 'boolean' }, lab: { type: 'string' } },
  })
  const named = atMostOne(positionals) ?? values.lab
  if (values.all && named !== undefined) throw new UsageError('either a name or --all')
  // What is another user's comes last: it ends the command.
  const labs = allLabs().toSorted((a, b) => Number(isOthers(a)) - Number(isOthers(b)))
  const chosen = values.all ? labs : [named ?? onlyOne(labs)].flatMap((name) => name ?? [])
  if (chosen.length === 0) {
    console.log('no lab is there')
    return 0
  }
  for (const name of chosen) {
    const wrong: string[] = []
    labName(name, wrong)
    if (wrong[0] && !labs.includes(name)) throw new UsageError(wrong[0])
    if (!labs.includes(name)) {
      console.error(
        `kubehop down: there is no lab "${name}"${labs.length > 0 ? ` (there is: ${labs.join(', ')})` : ''}`,
      )
      return 1
    }
    await removeLab(name)
    console.log(`lab "${name}" is gone`)
  }
  return 0
}

const isOthers = (name: string): boolean => strangerOf(name) !== undefined

function onlyOne(labs: string[]): string | undefined {
  const wanted = process.env['KUBEHOP_LAB']
  if (wanted) return wanted
  if (labs.length > 1) throw new UsageError(`${labs.length} labs are there (${labs.join(', ')}): say which, or --all`)
  return labs[0]
}
