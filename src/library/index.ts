// What `import ... from 'kubehop'` gives: a lab in a test run, and requests in it as assertions.
export { type Expectation, Lab, type LabOptions, type TraceRequest } from './lab.ts'
export { type Unreachable, UnexpectedTrace } from './reach.ts'
export type { Because, DnsStep, Ends, Hop, Trace, Verdict, Why } from '../trace/types.ts'
