/**
 * An unbound.conf for a process that belongs to a test: in front, without a log, files or rights of its own, over IPv4, and without DNSSEC. `server`: the
 * lines of its section that say what it answers, and where.
 */
export function unboundConfig(server: readonly string[]): string {
  const own = ['do-daemonize: no', 'chroot: ""', 'username: ""', 'directory: ""', 'pidfile: ""', 'use-syslog: no']
  const inServer = [...own, 'do-ip6: no', 'module-config: "iterator"', ...server]
  return ['server:', ...inServer.map((line) => `  ${line}`), 'remote-control:', '  control-enable: no', ''].join('\n')
}
