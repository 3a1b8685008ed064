import type { Attributes } from '../netlink/reader.ts'
import { needed } from './data.ts'

const NFTA_GEN_ID = 1
const NFTA_GEN_PROC_PID = 2
const NFTA_GEN_PROC_NAME = 3

/** Counts the transactions of a network namespace, whoever made them. */
export interface Generation {
  readonly id: number
  /** Of the last transaction; in notifications only. */
  readonly pid?: number
  readonly process?: string
}

export function readGeneration(attributes: Attributes): Generation {
  const pid = attributes.be32(NFTA_GEN_PROC_PID)
  const process = attributes.string(NFTA_GEN_PROC_NAME)
  return {
    id: needed(attributes.be32(NFTA_GEN_ID), 'number of a generation'),
    ...(pid === undefined ? {} : { pid }),
    ...(process === undefined ? {} : { process }),
  }
}

/** The number of the transaction after this one; 0 stands for "any" and is left out. */
export function nextGeneration(id: number): number {
  return (id + 1) >>> 0 || 1
}
