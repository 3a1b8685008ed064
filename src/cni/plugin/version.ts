import { CniError } from './error.ts'

/** The versions of the CNI specification that the plugin speaks, oldest first. */
export const versions = ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const
export type Version = (typeof versions)[number]
export const newest: Version = '1.1.0'

/** A configuration without a version is of 0.1.0, from before there were any (specification, "Version considerations"). */
export const unsaid = '0.1.0'

export function isVersion(text: unknown): text is Version {
  return versions.includes(text as Version)
}

export function atLeast(version: Version, least: Version): boolean {
  return versions.indexOf(version) >= versions.indexOf(least)
}

export function needVersion(version: unknown): Version {
  if (isVersion(version)) return version
  throw new CniError(
    'incompatibleVersion',
    `the configuration is of cniVersion ${JSON.stringify(version)}, this plugin speaks ${versions.join(', ')}`,
  )
}
