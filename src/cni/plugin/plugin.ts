import { add } from './add.ts'
import { check } from './check.ts'
import { del } from './del.ts'
import { type Call, type CommandName, readEnvironment } from './environment.ts'
import { CniError, errorAnswer } from './error.ts'
import { gc } from './gc.ts'
import { decode, type Input, readInput } from './input.ts'
import { ipamAdd, ipamCheck, ipamDel, ipamGc, ipamStatus, isIpamRole } from './ipam-role.ts'
import { status } from './status.ts'
import { atLeast, isVersion, newest, type Version, versions } from './version.ts'

/** What goes to stdout (nothing, or one JSON object), and the exit code. */
export interface Answer {
  out: Readonly<Record<string, unknown>> | undefined
  exitCode: 0 | 1
}

/** One call of the plugin: a runtime starts it with CNI_* in the environment and the network's configuration on stdin. */
export function callPlugin(env: NodeJS.ProcessEnv, readStdin: () => string): Answer {
  let cniVersion: Version = newest
  try {
    const call = readEnvironment(env)
    if (call.command === 'VERSION') return done(versionAnswer(readStdin))
    const input = readInput(readStdin)
    cniVersion = input.cniVersion
    const least = since[call.command]
    if (!atLeast(cniVersion, least))
      throw new CniError(
        'incompatibleVersion',
        `${call.command} is there since CNI ${least}, and the configuration is of ${cniVersion}`,
      )
    return done((isIpamRole(input) ? ipamVerbs : verbs)[call.command](call, input))
  } catch (error) {
    return { out: errorAnswer(error, cniVersion), exitCode: 1 }
  }
}

type Verb = Exclude<CommandName, 'VERSION'>

/** The version that brought a command. */
const since: Record<Verb, Version> = { ADD: '0.3.1', DEL: '0.3.1', CHECK: '0.4.0', GC: '1.1.0', STATUS: '1.1.0' }

type Verbs = Record<Verb, (call: Call, input: Input) => Readonly<Record<string, unknown>> | undefined>

const verbs: Verbs = {
  ADD: add,
  DEL: del,
  CHECK: check,
  GC: gc,
  STATUS: status,
}

/** When another plugin asks for addresses. */
const ipamVerbs: Verbs = {
  ADD: ipamAdd,
  DEL: ipamDel,
  CHECK: ipamCheck,
  GC: ipamGc,
  STATUS: ipamStatus,
}

function done(out: Answer['out']): Answer {
  return { out, exitCode: 0 }
}

/** A runtime asks before it has a configuration: whatever stdin holds, it is told. */
function versionAnswer(readStdin: () => string): Readonly<Record<string, unknown>> {
  return { cniVersion: askedVersion(readStdin), supportedVersions: versions }
}

function askedVersion(readStdin: () => string): Version {
  try {
    const { cniVersion } = decode(readStdin)
    return isVersion(cniVersion) ? cniVersion : newest
  } catch (error) {
    if (error instanceof CniError) return newest
    throw error
  }
}
