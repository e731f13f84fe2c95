"""The system calls that are left to a process, by a seccomp filter; what it starts has the same.

A call that is on no list fails with EPERM, so that a library may try and do without. What only somebody who has taken a
decoder over would try ends the process at once, by SIGSYS. What is on the lists was seen with strace over every photo
and clip of a corpus, or is what Debian's libraries do where they run out of memory or end.
"""

import errno
import fcntl
import os
from collections.abc import Iterable
from typing import Any

CLONE_THREAD, NEW_NAMESPACES = 0x0001_0000, 0x7E02_0080  # sched.h; the latter is every CLONE_NEW flag
TOLD_BY_FLAGS = CLONE_THREAD | NEW_NAMESPACES
PROT_EXEC = 0x4  # mman.h
THIS_PROCESS = 0  # to prlimit
INT = 0xFFFF_FFFF  # of an argument that is no longer than this, its upper half means nothing
UNKNOWN = -1  # to libseccomp
TREE = 2  # of libseccomp: a call passes a dozen comparisons instead of hundreds

# Memory, threads, time, and what is open already.
COMPUTE = (
    *("brk", "madvise", "mremap", "munmap"),
    *("exit", "exit_group", "futex", "futex_waitv", "get_robust_list", "gettid", "membarrier", "rseq"),
    *("sched_getaffinity", "sched_yield", "set_robust_list", "set_tid_address"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall"),
    *("clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time"),
    *("getcpu", "getpid", "getppid", "getrandom", "getrusage", "sysinfo", "uname"),
    *("getegid", "geteuid", "getgid", "getuid"),
    *("close", "dup", "fstat", "ftruncate", "lseek", "newfstatat", "poll", "ppoll", "select", "pselect6"),
    *("pread64", "preadv", "pwrite64", "pwritev", "read", "readv", "write", "writev"),
    *("getsockname", "getsockopt", "recvfrom", "recvmsg", "sendto", "sendmsg", "shutdown"),
)

# Files by name, programs, and waiting for them.
PROGRAMS = (
    *("access", "chdir", "chmod", "close_range", "copy_file_range", "creat", "dup2", "dup3", "faccessat", "faccessat2"),
    *("fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fdatasync", "flock", "fstatfs", "fsync", "getcwd"),
    *(
        "ioctl",
        "mmap",
        "mprotect",
        "getdents64",
        "link",
        "linkat",
        "lstat",
        "mkdir",
        "mkdirat",
        "open",
        "openat",
        "openat2",
        "pipe",
        "pipe2",
    ),
    *("readlink", "readlinkat", "rename", "renameat", "renameat2", "rmdir", "sendfile", "splice", "stat", "statfs"),
    *("statx", "symlink", "symlinkat", "sync_file_range", "tee", "truncate", "umask", "unlink", "unlinkat"),
    *("utimensat", "mknod", "mknodat"),
    *("arch_prctl", "execve", "execveat", "fork", "kill", "prctl", "setpgid", "setsid", "tgkill", "tkill", "vfork"),
    *("getgroups", "getpgid", "getpgrp", "getpriority", "getsid", "setpriority", "wait4", "waitid"),
    *("epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2", "getitimer", "setitimer", "alarm"),
    *("mincore", "mlock", "msync", "munlock", "pause", "pidfd_open", "pidfd_send_signal"),
    *("sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min"),
    *("sched_setaffinity", "sched_setscheduler", "timerfd_create", "timerfd_settime", "times", "get_mempolicy"),
)

# What no decoder asks for.
FORBIDDEN = (
    *("accept", "accept4", "bind", "connect", "listen", "socket", "socketpair"),
    *("ptrace", "process_madvise", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"),
    *("chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree"),
    *("pivot_root", "setns", "umount2", "unshare", "open_by_handle_at", "name_to_handle_at"),
    *("add_key", "bpf", "io_uring_enter", "io_uring_register", "io_uring_setup", "keyctl", "perf_event_open"),
    *("request_key", "userfaultfd", "fanotify_init", "landlock_create_ruleset", "seccomp"),
    *("acct", "capset", "delete_module", "finit_module", "init_module", "iopl", "ioperm", "kexec_file_load"),
    *("kexec_load", "lookup_dcookie", "modify_ldt", "nfsservctl", "quotactl", "reboot", "sethostname", "setdomainname"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "swapoff", "swapon", "syslog", "uselib", "vhangup"),
    *("setfsgid", "setfsuid", "setgid", "setgroups", "setregid", "setresgid", "setresuid", "setreuid", "setuid"),
)
# Of fcntl; what is left out sends signals, to whom it likes (F_SETOWN), or is for files that others share.
DESCRIPTOR_COMMANDS = (
    *(fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL),
    *(fcntl.F_GETLK, fcntl.F_SETLK, fcntl.F_SETLKW, fcntl.F_OFD_GETLK, fcntl.F_OFD_SETLK, fcntl.F_OFD_SETLKW),
    *(fcntl.F_GETPIPE_SZ, fcntl.F_SETPIPE_SZ),
)
NEW_PROCESSES = ("execve", "execveat", "fork", "vfork")  # forbidden where no program is to be run


def only_calls(*, programs: bool) -> Any:
    """A filter that leaves a process and all its threads no other calls once it is loaded.

    `programs`: whether it may start any; if not, it may send signals to itself alone, and no other process can use the
    filter. Raises OSError if the library is not there.
    """
    seccomp = library()
    wanted = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    wanted.set_attr(seccomp.Attr.CTL_TSYNC, 1)
    wanted.set_attr(seccomp.Attr.CTL_OPTIMIZE, TREE)
    wanted.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
    add(wanted, seccomp.KILL_PROCESS, FORBIDDEN)
    add(wanted, seccomp.ERRNO(errno.ENOSYS), ["clone3"])  # its flags cannot be seen; the C library then tries clone
    add(wanted, seccomp.ALLOW, COMPUTE)
    add(wanted, seccomp.ALLOW, ["prlimit64"], seccomp.Arg(0, seccomp.EQ, THIS_PROCESS))
    for command in DESCRIPTOR_COMMANDS:
        add(wanted, seccomp.ALLOW, ["fcntl"], seccomp.Arg(1, seccomp.MASKED_EQ, INT, command))
    if programs:
        add(wanted, seccomp.ALLOW, PROGRAMS)
        add(wanted, seccomp.ALLOW, ["clone"], seccomp.Arg(0, seccomp.MASKED_EQ, NEW_NAMESPACES, 0))
    else:
        add(wanted, seccomp.KILL_PROCESS, NEW_PROCESSES)
        add(wanted, seccomp.ALLOW, ["clone"], seccomp.Arg(0, seccomp.MASKED_EQ, TOLD_BY_FLAGS, CLONE_THREAD))
        add(wanted, seccomp.ALLOW, ["tgkill"], seccomp.Arg(0, seccomp.MASKED_EQ, INT, os.getpid()))
        add(wanted, seccomp.ALLOW, ["mmap", "mprotect"], seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0))
    return wanted


def library() -> Any:
    """The library that makes filters. Raises OSError if it is not installed."""
    try:
        import pyseccomp  # noqa: PLC0415 - it looks for the C library as it is imported
    except (ImportError, RuntimeError) as error:
        raise OSError(0, f"libseccomp cannot be loaded: {error}") from error
    return pyseccomp


def add(wanted: Any, action: int, calls: Iterable[str], *arguments: Any) -> None:
    """Add a rule for each of the calls; one that this library or processor does not know keeps the default."""
    seccomp = library()
    for number in (seccomp.resolve_syscall(seccomp.Arch.NATIVE, call) for call in calls):
        if number != UNKNOWN:
            wanted.add_rule(action, number, *arguments)
