/** One measurement of one thing, beside its peer. A file of bench/ exports one as `bench`. */
export interface Bench {
  /** What is measured and against what, in one line. */
  about: string
  /**
   * `namespaces`: in fresh user, network, mount and PID namespaces, so that it needs no rights and touches nothing of this machine.
   * `machine`: from outside, as a person starts the product.
   */
  where: 'namespaces' | 'machine'
  /** Runs outside first: builds peers, finds programs. The result reaches `run` as environment variables. */
  prepare?: (options: Pick<Options, 'long'>) => Promise<Record<string, string>>
  run: (options: Options) => Promise<Outcome>
}

export interface Options {
  /** More rounds and larger sizes. */
  long: boolean
  /** Progress, for a person who waits. */
  say: (text: string) => void
}

export interface Outcome {
  rows: Row[]
  /** What a reader has to know to read the figures rightly: what was skipped and why, what the peer was. */
  notes?: string[]
}

/** One line of the table. */
export interface Row {
  what: string
  unit: string
  better: 'lower' | 'higher'
  figure: Figure
  /** Measured in the same run, turn and turn about. */
  peer?: { what: string; figure: Figure }
  /** A peer's figure that this run did not measure, and where it comes from. */
  recorded?: string
  /** What design asked for. */
  reach?: string
  /** Where the figure and its peer's stand in a chart: on which line, and at which x. */
  point?: { line: string; peerLine?: string; x: number }
}

/** A machine shared with others has bad moments: the median says what is usual, the quartiles how sure that is. */
export interface Figure {
  median: number
  quartiles: [low: number, high: number]
  rounds: number
}
