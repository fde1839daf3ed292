// Refuses the n-th call of one kind, or cuts it short, or ends the process there; to be preloaded, and armed in a forked child.
// Calls on files count where the file lies below the armed folder; allocations, where they ask for at least the given size.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE, SYNC, RENAME, ALLOCATION };  // kinds, as in sweep.py
enum { ONCE, SHORT, TORN, DEATH };                   // what happens, as in sweep.py

static int armed, happens, number;
static long wanted, calls;
static size_t least;
static char below[4096];

void arm(const char *folder, int kind, int what, long at, int error, long size) {
    snprintf(below, sizeof below, "%s", folder);
    happens = what, number = error, wanted = at, least = (size_t)size, calls = 0;
    __sync_synchronize();
    armed = kind;
}

long disarm(void) {
    armed = 0;
    return calls;
}

// 1: refuse this call; 2: cut it short.
static int turn(void) {
    long call = __sync_add_and_fetch(&calls, 1);
    if (call == wanted && happens == DEATH) _exit(99);
    if (call == wanted && (happens == SHORT || happens == TORN)) return 2;
    if (call == wanted || (happens == TORN && call > wanted)) {
        errno = number;
        return 1;
    }
    return 0;
}

static int named(int kind, const char *path) {
    if (armed != kind || !path || strncmp(path, below, strlen(below))) return 0;
    return turn();
}

static int at_folder(int kind, int folder, const char *path) {
    if (armed != kind || !path) return 0;
    if (path[0] == '/') return named(kind, path);
    char link[64], there[4096];
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, there, sizeof there - 1);
    if (length < 0) return 0;
    there[length] = 0;
    return named(kind, there);
}

static int at_file(int kind, int file) {
    return armed == kind ? at_folder(kind, file, "") : 0;
}

#define GENUINE(name)                      \
    static __typeof__(name) *genuine;      \
    if (!genuine) genuine = dlsym(RTLD_NEXT, #name)
#define MODE(last)                         \
    va_list rest;                          \
    va_start(rest, last);                  \
    mode_t mode = va_arg(rest, mode_t);    \
    va_end(rest)

int open(const char *path, int flags, ...) {
    GENUINE(open);
    MODE(flags);
    return at_folder(OPEN, AT_FDCWD, path) ? -1 : genuine(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    GENUINE(open64);
    MODE(flags);
    return at_folder(OPEN, AT_FDCWD, path) ? -1 : genuine(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    GENUINE(openat);
    MODE(flags);
    return at_folder(OPEN, folder, path) ? -1 : genuine(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    GENUINE(openat64);
    MODE(flags);
    return at_folder(OPEN, folder, path) ? -1 : genuine(folder, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode) {
    GENUINE(fopen);
    return at_folder(OPEN, AT_FDCWD, path) ? NULL : genuine(path, mode);
}

FILE *fopen64(const char *path, const char *mode) {
    GENUINE(fopen64);
    return at_folder(OPEN, AT_FDCWD, path) ? NULL : genuine(path, mode);
}

ssize_t write(int file, const void *content, size_t size) {
    GENUINE(write);
    int met = at_file(WRITE, file);
    return met == 1 ? -1 : genuine(file, content, met && size > 1 ? size / 2 : size);
}

ssize_t pwrite(int file, const void *content, size_t size, off_t at) {
    GENUINE(pwrite);
    int met = at_file(WRITE, file);
    return met == 1 ? -1 : genuine(file, content, met && size > 1 ? size / 2 : size, at);
}

ssize_t pwrite64(int file, const void *content, size_t size, off64_t at) {
    GENUINE(pwrite64);
    int met = at_file(WRITE, file);
    return met == 1 ? -1 : genuine(file, content, met && size > 1 ? size / 2 : size, at);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    GENUINE(writev);
    int met = at_file(WRITE, file);
    if (met == 2) return write(file, parts[0].iov_base, parts[0].iov_len);
    return met ? -1 : genuine(file, parts, count);
}

int fsync(int file) {
    GENUINE(fsync);
    return at_file(SYNC, file) ? -1 : genuine(file);
}

int fdatasync(int file) {
    GENUINE(fdatasync);
    return at_file(SYNC, file) ? -1 : genuine(file);
}

int rename(const char *old, const char *new) {
    GENUINE(rename);
    return at_folder(RENAME, AT_FDCWD, new) ? -1 : genuine(old, new);
}

int renameat(int from, const char *old, int to, const char *new) {
    GENUINE(renameat);
    return at_folder(RENAME, to, new) ? -1 : genuine(from, old, to, new);
}

// glibc's own names: dlsym allocates, so it cannot find them here.
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t), *__libc_memalign(size_t, size_t);

static int lacks(size_t size) {
    return armed == ALLOCATION && size >= least && turn();
}

void *malloc(size_t size) {
    return lacks(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    return lacks(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    return lacks(size) ? NULL : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    return lacks(size) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **made, size_t alignment, size_t size) {
    if (lacks(size)) return ENOMEM;
    *made = __libc_memalign(alignment, size);
    return *made ? 0 : ENOMEM;
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    GENUINE(mmap);
    return lacks(size) ? MAP_FAILED : genuine(at, size, protection, flags, file, offset);
}
