/** What the kernel of one machine says, of itself and of its pods. */
export interface MachineFacts {
  /** `node1`, or the router's name. */
  readonly node: string
  readonly kind: 'node' | 'router'
}
