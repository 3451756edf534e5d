// Fails one file operation of a program, or kills the program there: failpoints FOLDER NUMBER ACTION LOG COMMAND...
//
// Calls that change files below FOLDER are counted from 1. At call NUMBER the program
//   count    goes on
//   before   is killed (SIGKILL) before the call
//   after    is killed right after it
//   ERRNO    sees the call fail with this number; with a `+` behind it, every later one that takes space, too
// LOG gets a line for every call: its number, its name, its path. The exit code is the program's, 128 + N after signal N.
//
// The program is traced (ptrace) and a seccomp filter stops it at these calls only, so that calls that go past the C
// library are seen as well.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "failpoints knows the registers of x86-64 only"
#endif

// what the arguments are: a file (F), the file that is locked in a repository (LOCK), a path from the current folder (P), a folder and a path in it (A), two of these
enum kind { F, LOCK, P, PP, A, AA, OPEN, OPENAT };
struct call {
    int number;
    const char *name;
    enum kind kind;
    int takes_space;
};
static const struct call CALLS[] = {
    {SYS_write, "write", F, 1},           {SYS_pwrite64, "pwrite", F, 1},     {SYS_writev, "writev", F, 1},
    {SYS_pwritev, "pwritev", F, 1},       {SYS_pwritev2, "pwritev2", F, 1},   {SYS_ftruncate, "ftruncate", F, 1},
    {SYS_fallocate, "fallocate", F, 1},   {SYS_fsync, "fsync", F, 1},         {SYS_fdatasync, "fdatasync", F, 1},
    {SYS_syncfs, "syncfs", F, 1},         {SYS_open, "open", OPEN, 1},        {SYS_creat, "creat", P, 1},
    {SYS_openat, "openat", OPENAT, 1},    {SYS_mkdir, "mkdir", P, 1},         {SYS_mkdirat, "mkdirat", A, 1},
    {SYS_link, "link", PP, 1},            {SYS_linkat, "linkat", AA, 1},      {SYS_rename, "rename", PP, 0},
    {SYS_renameat, "renameat", AA, 0},    {SYS_renameat2, "renameat2", AA, 0}, {SYS_unlink, "unlink", P, 0},
    {SYS_unlinkat, "unlinkat", A, 0},     {SYS_rmdir, "rmdir", P, 0},
    {SYS_flock, "flock", LOCK, 0},
};
enum { CALLS_LEN = sizeof CALLS / sizeof *CALLS };

static const char *folder;

static void fail(const char *what) {
    perror(what);
    exit(99);
}

static const struct call *call_of(long number) {
    for (int i = 0; i < CALLS_LEN; i++)
        if (CALLS[i].number == number) return &CALLS[i];
    return NULL;
}

static void filter(void) {
    struct sock_filter code[CALLS_LEN + 3];
    int n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS_LEN; i++)
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CALLS[i].number, CALLS_LEN - i, 0);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = {.len = n, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        fail("seccomp");
}

// the path behind an open file, or a folder: AT_FDCWD is the current one
static void of_file(pid_t pid, long file, char *out) {
    char link[64];
    if ((int)file == AT_FDCWD) snprintf(link, sizeof link, "/proc/%d/cwd", pid);
    else snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, (int)file);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    out[n < 0 ? 0 : n] = 0;
}

static void of_path(pid_t pid, long dir, unsigned long address, char *out) {
    char path[PATH_MAX];
    size_t n = 0;
    // a path may end right before memory that is not there
    for (; n < sizeof path - 1; n++) {
        struct iovec here = {path + n, 1}, there = {(void *)(address + n), 1};
        if (process_vm_readv(pid, &here, 1, &there, 1, 0) != 1 || !path[n]) break;
    }
    path[n] = 0;
    if (path[0] == '/') {
        memcpy(out, path, n + 1);
        return;
    }
    of_file(pid, dir, out);
    size_t used = strlen(out);
    snprintf(out + used, PATH_MAX - used, "/%s", path);
}

static int inside(const char *path) {
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == 0);
}

// whether a call changes something in the folder; `path` tells what
static int counts(pid_t pid, const struct call *call, const struct user_regs_struct *r, char *path) {
    const int changes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    char second[PATH_MAX];
    switch (call->kind) {
    case F: of_file(pid, r->rdi, path); return inside(path);
    case LOCK: of_file(pid, r->rdi, path); return inside(path) && strstr(path, "/arcoforge.lock");
    case P: of_path(pid, AT_FDCWD, r->rdi, path); return inside(path);
    case A: of_path(pid, r->rdi, r->rsi, path); return inside(path);
    case OPEN: of_path(pid, AT_FDCWD, r->rdi, path); return (r->rsi & changes) && inside(path);
    case OPENAT: of_path(pid, r->rdi, r->rsi, path); return (r->rdx & changes) && inside(path);
    case PP: of_path(pid, AT_FDCWD, r->rdi, second); of_path(pid, AT_FDCWD, r->rsi, path); break;
    case AA: of_path(pid, r->rdi, r->rsi, second); of_path(pid, r->rdx, r->r10, path); break;
    }
    return inside(path) || inside(second);
}

int main(int argc, char **argv) {
    if (argc < 6) return fprintf(stderr, "failpoints FOLDER NUMBER ACTION LOG COMMAND...\n"), 99;
    folder = argv[1];
    long at = atol(argv[2]), seen = 0;
    const char *action = argv[3];
    int error = atoi(action), lasting = strchr(action, '+') != NULL;
    FILE *log = fopen(argv[4], "w");
    if (!log) fail(argv[4]);
    pid_t child = fork();
    if (child == 0) {
        fclose(log);
        if (ptrace(PTRACE_TRACEME, 0, 0, 0)) fail("ptrace");
        raise(SIGSTOP);
        filter();
        execv(argv[5], argv + 5);
        fail(argv[5]);
    }
    int status;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return 99;
    long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACESECCOMP |
                   PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, child, 0, options)) fail("ptrace");
    ptrace(PTRACE_CONT, child, 0, 0);
    int code = 99;
    for (pid_t pid; (pid = waitpid(-1, &status, __WALL)) > 0;) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (pid == child) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status), resume = PTRACE_CONT;
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
            struct user_regs_struct r;
            char path[PATH_MAX] = "";
            const struct call *call = ptrace(PTRACE_GETREGS, pid, 0, &r) ? NULL : call_of(r.orig_rax);
            if (call && counts(pid, call, &r, path)) {
                seen++;
                fprintf(log, "%ld %s %s\n", seen, call->name, path);
                fflush(log);
                if (seen == at && !strcmp(action, "before")) kill(child, SIGKILL);
                if (seen == at && !strcmp(action, "after")) resume = PTRACE_SYSCALL;
                if (error && (seen == at || (lasting && seen > at && call->takes_space))) {
                    r.orig_rax = -1;
                    r.rax = -error;
                    ptrace(PTRACE_SETREGS, pid, 0, &r);
                }
            }
            signal = 0;
        } else if (signal == (SIGTRAP | 0x80)) {
            kill(child, SIGKILL); // the call at which to do so has returned
            signal = 0;
        } else if (signal == SIGSTOP || signal == SIGTRAP) {
            signal = 0;
        }
        ptrace(resume, pid, 0, signal);
    }
    fclose(log);
    return code;
}
