// What `import ... from 'kubehop'` gives: a lab in a test run, and requests in it as assertions.
export { type DoctorRequest, type Expectation, Lab, type LabOptions, type TraceRequest } from './lab.ts'
export { type Unreachable, UnexpectedTrace } from './reach.ts'
export type { CheckDone, Diagnosis } from '../doctor/diagnosis.ts'
export type { Finding, ObjectReference, Patch } from '../doctor/finding.ts'
export type { Because, DnsStep, Ends, Hop, Trace, Verdict, Why } from '../trace/types.ts'
