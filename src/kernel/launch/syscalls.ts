/** System call numbers of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl): the ones that a launch may contain. */
export const syscalls = {
  read: 0,
  write: 1,
  close: 3,
  rt_sigaction: 13,
  rt_sigprocmask: 14,
  dup2: 33,
  pause: 34,
  getpid: 39,
  clone: 56,
  execve: 59,
  exit: 60,
  kill: 62,
  fcntl: 72,
  flock: 73,
  chdir: 80,
  fchdir: 81,
  mkdir: 83,
  unlink: 87,
  symlink: 88,
  chmod: 90,
  fchown: 93,
  umask: 95,
  setuid: 105,
  setgid: 106,
  setsid: 112,
  setgroups: 116,
  capset: 126,
  rt_sigtimedwait: 128,
  mknod: 133,
  pivot_root: 155,
  prctl: 157,
  setrlimit: 160,
  mount: 165,
  umount2: 166,
  sethostname: 170,
  setdomainname: 171,
  ioctl: 16,
  exit_group: 231,
  openat: 257,
  mkdirat: 258,
  readlinkat: 267,
  unshare: 272,
  setns: 308,
  move_mount: 429,
  open_tree: 428,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  close_range: 436,
  openat2: 437,
  mount_setattr: 442,
} as const
export type Syscall = keyof typeof syscalls

// include/uapi/linux/sched.h
export const CLONE_NEWNS = 0x0002_0000
export const CLONE_NEWUTS = 0x0400_0000
export const CLONE_NEWIPC = 0x0800_0000
export const CLONE_NEWUSER = 0x1000_0000
export const CLONE_NEWPID = 0x2000_0000
export const CLONE_NEWNET = 0x4000_0000

// include/uapi/asm-generic/fcntl.h
export const F_SETFD = 2
export const FD_CLOEXEC = 1
export const AT_FDCWD = -100
export const O_WRONLY = 1
export const O_RDWR = 2
export const O_CREAT = 0o100
export const O_NOCTTY = 0o400
export const O_TRUNC = 0o1000
export const O_NONBLOCK = 0o4000
export const O_DIRECTORY = 0o200000
export const O_CLOEXEC = 0o2000000
export const O_PATH = 0o10000000

// include/uapi/linux/fcntl.h, close_range.h, openat2.h
export const AT_EMPTY_PATH = 0x1000
export const AT_RECURSIVE = 0x8000
export const CLOSE_RANGE_CLOEXEC = 4
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08

// include/uapi/linux/mount.h
export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_NOEXEC = 8
export const MS_BIND = 4096
export const MS_REC = 16384
export const MS_PRIVATE = 0x4_0000
export const MS_SLAVE = 0x8_0000
export const MNT_DETACH = 2
export const MOUNT_ATTR_RDONLY = 1
export const MOUNT_ATTR_NOSUID = 2
export const MOUNT_ATTR_NODEV = 4
export const MOUNT_ATTR_NOEXEC = 8
export const OPEN_TREE_CLONE = 1
export const MOVE_MOUNT_F_EMPTY_PATH = 4
export const FSOPEN_CLOEXEC = 1
export const FSMOUNT_CLOEXEC = 1
export const FSCONFIG_SET_STRING = 1
export const FSCONFIG_CMD_CREATE = 6

// include/uapi/asm-generic/ioctls.h
export const TIOCSCTTY = 0x540e
export const TIOCGPTPEER = 0x5441
export const TIOCSPTLCK = 0x4004_5431

// include/uapi/linux/prctl.h
export const PR_SET_PDEATHSIG = 1
export const PR_CAPBSET_DROP = 24
export const PR_SET_NO_NEW_PRIVS = 38

export const SIGKILL = 9
export const SIGINT = 2
export const SIGTERM = 15
export const SIGUSR1 = 10
export const SIGUSR2 = 12
export const SIGCHLD = 17
export const SA_NOCLDSTOP = 1
export const SIG_BLOCK = 0
export const SIG_SETMASK = 2
export const SIG_IGN = 1
