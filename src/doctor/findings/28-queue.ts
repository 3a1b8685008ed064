import type { MachineFacts, PodFacts } from '../facts.ts'
import type { Check, Finding } from '../types.ts'
import { plural } from './finding.ts'
import { socketText } from './listeners.ts'

/**
 * A program listens and does not take the connections that its kernel has taken for it. Once more wait than it said it would keep (listen(2)),
 * the kernel throws away each further SYN without a word: clients see a timeout, though somebody listens.
 */
export const check: Check = {
  number: 28,
  title: 'no answer: the network did its part, the program does not answer',
  codes: ['QueueFull'],
  needs: 'machines',
  find: ({ machines }) => machines.flatMap((machine) => machine.pods.flatMap((pod) => ofPod(machine, pod))),
}

function ofPod({ node }: MachineFacts, { pod, sockets }: PodFacts): Finding[] {
  const [namespace = '', name = ''] = pod.split('/')
  return sockets.flatMap((socket): Finding[] => {
    const { protocol, port, waiting = 0, backlog = 0, process } = socket
    // sk_acceptq_is_full (include/net/sock.h): one more than was asked for.
    if (protocol !== 'tcp' || waiting <= backlog) return []
    return [
      {
        number: 28,
        code: 'QueueFull',
        level: 'error',
        object: { kind: 'Pod', namespace, name },
        sure: 'likely',
        evidence: [
          { kind: 'socket', text: `${node}, pod ${pod}: ${socketText(socket)}, ${waiting} wait, ${backlog} may` },
        ],
        say: `${process ?? 'the program'} in pod ${pod} takes no connections from port ${port}: ${plural(waiting, 'connection')} wait${waiting === 1 ? 's' : ''}, and each further one is thrown away without a word`,
        fix: 'the program hangs, or is too slow: kubectl logs, and kubectl exec to see what it does',
      },
    ]
  })
}
