import { join } from 'node:path'
import type { Netns } from '../../src/kernel/netns.ts'
import { type Helper, launcherOptions, startHelper } from '../harness/helper.ts'
import type { Order, Told } from './agent.ts'
import type { Answer, Command } from './api.ts'

export type Api = Helper<Command, Answer>
export type Agent = Helper<Order, Told>

/** `core`: the one it has to do with, all threads of it; undefined: any. */
export function startApi(services: number, each: number, core: number | undefined, ns?: Netns): Api {
  return startHelper({ file: join(import.meta.dirname, 'api.ts'), args: [String(services), String(each)], core, ns })
}

export function startAgent(core: number | undefined): Agent {
  return startHelper({ file: join(import.meta.dirname, 'agent.ts'), core, execArgv: launcherOptions() })
}
