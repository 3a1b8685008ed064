import { UsageError } from './usage.ts'

const verbs = ['rules', 'run'] as const

/** `kubehop proxy rules` and `kubehop proxy run`. */
export async function proxy([verb, ...args]: string[]): Promise<number> {
  switch (verb) {
    case 'rules':
      return (await import('./proxy-rules.ts')).proxyRules(args)
    case 'run':
      return (await import('./proxy-run.ts')).proxyRun(args)
    default:
      throw new UsageError(
        verb === undefined
          ? `say what: ${verbs.join(' or ')}`
          : `there is no "proxy ${verb}": ${verbs.map((each) => `proxy ${each}`).join(' or ')}`,
      )
  }
}
