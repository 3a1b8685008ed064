import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { atMostOne, parse } from './usage.ts'

/** `kubehop kubeconfig [NAME]` */
export async function kubeconfig(args: string[]): Promise<number> {
  const { values, positionals } = parse({ args, allowPositionals: true, options: { lab: { type: 'string' } } })
  console.log(kubeconfigOf(chooseLab(atMostOne(positionals) ?? values.lab).name))
  return 0
}
