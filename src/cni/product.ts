/** How this product's plugin is started. Paths are absolute. */
export interface Product {
  /** Node. */
  readonly node: string
  /** The file that it runs, and what that is told. */
  readonly script: string
  readonly args: readonly string[]
}
