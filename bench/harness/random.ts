/** Numbers from 0 to below `below`, the same for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    // MINSTD (Park and Miller).
    state = (state * 48_271) % 0x7fffffff
    return state % below
  }
}
