/** In a file of its own: the plugin's own bundle has nothing of the other commands. */
export const cniUsage: string = `usage: CNI_COMMAND=ADD|DEL|CHECK|GC|STATUS|VERSION CNI_...=... kubehop cni < CONFIGURATION
       kubehop cni agent [--socket PATH] [--data-dir FOLDER]
       kubehop cni install [--subnet RANGE] [--name NAME] [options]
       kubehop cni uninstall [--name NAME] [options]

The CNI plugin of versions 0.3.1 to 1.1.0: connects a container to a bridge and gives it an address. A container runtime starts it with
CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH and CNI_ARGS in the environment and the network's configuration as JSON on standard input.
The result, or the error, is JSON on standard output.

  {"cniVersion": "1.0.0", "name": "pods", "type": "kubehop", "isDefaultGateway": true, "ipam": {"type": "host-local", "subnet": "10.22.0.0/16"}}

agent      does the plugin's work without Node being started for each pod, until it is told to end (SIGTERM). Pods stay connected
  --socket PATH          where the installed plugin asks; default: /run/kubehop/cni/agent.sock
  --data-dir FOLDER      of the networks (dataDir); default: /run/kubehop/cni. At the start, addresses that nobody has any more are freed

install    writes the plugin, a small program that asks the agent and starts Node when none answers, and a network that uses it
  --subnet RANGE         the pods' addresses on this node; default: 10.22.0.0/16
  --name NAME            of the network; default: kubehop
  --bridge NAME          its bridge, which it shares with no other network; default: cbr0
  --cni-version VERSION  of its configuration; default: 1.0.0, which older runtimes read, too
  --bin-dir FOLDER       of plugins; default: /opt/cni/bin
  --conf-dir FOLDER      of networks; default: /etc/cni/net.d
  --socket PATH          where the agent answers; default: /run/kubehop/cni/agent.sock
  --script               a shell's script that starts Node each time, instead
  --force                write (or remove) also what somebody changed since

uninstall  removes what install wrote (--name, --bin-dir, --conf-dir, --force as there)`
