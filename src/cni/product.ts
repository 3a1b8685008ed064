/** Where this product is, to be started again. Absolute paths. */
export interface Product {
  /** Node. */
  readonly node: string
  /** The program's main file: source or bundle. */
  readonly main: string
}
