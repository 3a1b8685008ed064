import type { Attributes, Message } from '../netlink/reader.ts'
import { needed } from './data.ts'
import { NFT_MSG, nftMessageOf, readHeader } from './message.ts'

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

/** The number of the transaction that these are the answers to, where the kernel told it: it was asked to, and something was changed. */
export function toldGeneration(messages: readonly Message[]): number | undefined {
  const told = messages.findLast((message) => nftMessageOf(message) === NFT_MSG.NEWGEN)
  return told && readGeneration(readHeader(told).attributes).id
}
