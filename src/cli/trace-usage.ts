export const traceUsage = `usage: kubehop trace [--lab NAME] FROM TO [options]
       kubehop trace --explain

  FROM   a pod: client, shop/client (in namespace shop), client:app (its container app), one of deploy/web, sts/db, ds/log;
         a node: node/node1; or outside: a machine that is in no cluster
  TO     http://web/, http://web.shop:8080/path, svc/web:80, shop/svc/web:80, pod/web-1:8080, node/node1:10250,
         100.64.0.10:53, tcp://..., udp://..., sctp://..., icmp://client, dns://web

  -v, --verbose         with the evidence of each line: packet, rule, route, learned address, socket
  --explain             and the words of the trade that are in it, each explained once; without FROM and TO: all of them
  -o, --output FORMAT   text (default), json, yaml, or mermaid: a sequence diagram for pages that draw it
  -n, --namespace NAME  of FROM, where FROM does not say; default: default
  --timeout SECONDS     for the name, and then for the request; default: 4. With --kubeconfig: for its server; default: 15
  --dry-run             sends nothing: foretells the way, the name and the verdict from the API's objects alone
  --kubeconfig FILE     with --dry-run: of any cluster, by the file's current context or --context NAME; needs no lab
  --count N             N requests (up to 1000), each watched: how many went to whom, with what verdict, how fast
  --size [BYTES]        also looks for the largest packet that arrives without being cut; with BYTES: sends one of that size
  --live [SECONDS]      sends nothing: watches what FROM itself sends to TO, for 10 s or as long as said; Ctrl-C ends it early
  --pcap FILE           all packets of all hops in one pcapng file, with the interface of each; -: to standard output, the rest to standard error

Sends one real request and shows what the kernel did with it. Exit code 0 when it was delivered, 1 when not (also when a name
server's answer is no), 2 for a wrong question.`
