import { CniError } from './error.ts'
import { flag } from './fields.ts'
import type { Fields } from './input.ts'

/** What the reference bridge has beyond what every network here has. */
export interface BridgeOptions {
  /** A frame may leave by the port that it came in by. */
  hairpinMode: boolean
  /** The bridge hands every frame to the node, too. As for the reference bridge, not together with hairpinMode. */
  promiscMode: boolean
  /** A pod's frames have its own Ethernet address as sender, or are dropped. */
  macspoofchk: boolean
  /** Pods reach the node, and by it others, but not each other over the bridge. */
  portIsolation: boolean
}

export const bridgeOptionKeys: readonly string[] = [
  'hairpinMode',
  'promiscMode',
  'macspoofchk',
  'portIsolation',
  'preserveDefaultVlan',
  'vlan',
  'vlanTrunk',
  'disableContainerInterface',
]

export function readBridgeOptions(fields: Fields): BridgeOptions {
  const promiscMode = flag(fields, 'promiscMode', false)
  const hairpinMode = flag(fields, 'hairpinMode', !promiscMode)
  if (promiscMode && hairpinMode)
    throw new CniError(
      'badConfig',
      'promiscMode and hairpinMode exclude each other, as for the reference bridge: choose one',
    )
  for (const key of ['vlan', 'vlanTrunk'])
    if (asks(fields[key]))
      throw new CniError(
        'unsupportedField',
        `${key} needs a bridge that filters VLANs (CONFIG_BRIDGE_VLAN_FILTERING), and this plugin makes none: give each VLAN a network with a bridge of its own`,
      )
  // Whatever it says, it says it of ports with a VLAN.
  flag(fields, 'preserveDefaultVlan', true)
  if (flag(fields, 'disableContainerInterface', false))
    throw new CniError(
      'badConfig',
      'disableContainerInterface is for containers without addresses, and this plugin gives each one: leave it out',
    )
  return {
    hairpinMode,
    promiscMode,
    macspoofchk: flag(fields, 'macspoofchk', false),
    portIsolation: flag(fields, 'portIsolation', false),
  }
}

function asks(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value)
}
