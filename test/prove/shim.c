/*
 * Preloaded into a process (LD_PRELOAD): records and disturbs its I/O on the files of one directory.
 * Lock files are left alone, since they hold nothing that must survive; but that the engine opens one may fail.
 *
 *   SHIM_DIRECTORY  the directory, as /proc shows it
 *   SHIM_LOG        file to append a record of every call to
 *   SHIM_MARKS      descriptor whose writes are recorded too, as marks between the calls
 *   SHIM_MATCH      disturb only files with this in their path
 *   SHIM_CALLS      disturb only these kinds of calls: a sum of the numbers below
 *   SHIM_ONLY       of these, only those that are all of this: a sum of ENGINE and POOL
 *   SHIM_AT         the first call of these kinds to disturb, from 0
 *   SHIM_COUNT      how many calls from there on; -1 for all
 *   SHIM_DO         errno=N, short=N (write half of it, or fail with N when there is no half; read half of it), delay=MS,
 *                   sync=0 (only pretend to sync), kill=9 (the process, just before the call), count=0 (nothing)
 *   SHIM_STRUCK     file to append the kind of each call to that was disturbed, or not opened for want of a handle, as a uint16
 *
 * A record is a struct entry, the name of the file, the data. A call that changes something has one before it begins
 * (upper case) and one after it succeeded (lower case): what lies between may or may not have reached the disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * EXTEND: a write behind the end of its file, which needs room on the disk. ENGINE: a call of the engine, through node, not of
 * LMDB. POOL: a call on another thread than the first, which serves everybody. MARK: a call for a mark (seen-mark.ts), or for its name,
 * which the engine does without.
 */
enum { WRITE = 1, SYNC = 2, TRUNCATE = 4, NAME = 8, OPEN = 16, EXTEND = 32, READ = 64, ENGINE = 128, POOL = 256, MARK = 512 };
enum { GO_ON = 0, SHORT = -1, NO_SYNC = -2 };

struct entry {
  uint8_t type, synced;
  uint16_t name;
  uint32_t data;
  uint64_t inode, offset, thread;
};

static struct {
  const char *directory, *match, *act;
  int log, marks, struck, calls, only, value;
  long at, count;
} shim;
static atomic_long calls;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static long number(const char *name, long absent) {
  const char *text = getenv(name);
  return text ? atol(text) : absent;
}

static int appended(const char *name) {
  const char *path = getenv(name);
  return path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

__attribute__((constructor)) static void start(void) {
  const char *act = getenv("SHIM_DO");
  shim.log = appended("SHIM_LOG");
  shim.struck = appended("SHIM_STRUCK");
  shim.marks = (int)number("SHIM_MARKS", -1);
  shim.match = getenv("SHIM_MATCH");
  shim.calls = (int)number("SHIM_CALLS", 0);
  shim.only = (int)number("SHIM_ONLY", 0);
  shim.at = number("SHIM_AT", 0);
  shim.count = number("SHIM_COUNT", 1);
  shim.act = act ? act : "";
  shim.value = strchr(shim.act, '=') ? atoi(strchr(shim.act, '=') + 1) : 0;
  shim.directory = getenv("SHIM_DIRECTORY");
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* Whether the path is the directory, or a file of it. */
static int inside(const char *path) {
  size_t length = shim.directory ? strlen(shim.directory) : 0;
  if (!length || strncmp(path, shim.directory, length)) return 0;
  return path[length] == 0 || path[length] == '/';
}

/* The same, but no lock file. */
static int ours(const char *path) {
  size_t all = strlen(path);
  return inside(path) && !(all > 5 && !strcmp(path + all - 5, "-lock"));
}

/* Who calls, by where the call returns to, and on which thread. */
#define CALLER __builtin_return_address(0)
static int origin(const void *caller) {
  Dl_info from;
  int lmdb = dladdr(caller, &from) && from.dli_fname && strstr(from.dli_fname, "lmdb");
  return (lmdb ? 0 : ENGINE) | (syscall(SYS_gettid) == getpid() ? 0 : POOL);
}

static int ours_open(int fd, char *path, struct stat *stat) {
  char link[64];
  if (!shim.directory) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return ours(path) && fstat(fd, stat) == 0;
}

static const char *base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static void record(struct entry entry, const char *name, const struct iovec *data, int count) {
  struct iovec all[2 + IOV_MAX];
  if (shim.log < 0 || count > IOV_MAX) return;
  entry.name = (uint16_t)strlen(name);
  entry.thread = (uint64_t)syscall(SYS_gettid);
  all[0] = (struct iovec){&entry, sizeof entry};
  all[1] = (struct iovec){(void *)name, entry.name};
  int used = 2;
  for (int i = 0; i < count; i++) {
    all[used++] = data[i];
    entry.data += (uint32_t)data[i].iov_len;
  }
  pthread_mutex_lock(&log_lock);
  for (int at = 0; at < used;) {
    ssize_t done = syscall(SYS_writev, shim.log, all + at, used - at < IOV_MAX ? used - at : IOV_MAX);
    if (done < 0) {
      if (errno == EINTR) continue;
      fprintf(stderr, "the recorder cannot write its log: %s\n", strerror(errno));
      raise(SIGKILL);
    }
    for (; at < used && (size_t)done >= all[at].iov_len; at++) done -= (ssize_t)all[at].iov_len;
    if (at < used) all[at] = (struct iovec){(char *)all[at].iov_base + done, all[at].iov_len - (size_t)done};
  }
  pthread_mutex_unlock(&log_lock);
}

/* Says that a call was struck; by a system call, which does not come round to here again. */
static void tell(int kind) {
  uint16_t word = (uint16_t)kind;
  int before = errno;
  if (shim.struck >= 0) syscall(SYS_write, shim.struck, &word, sizeof word);
  errno = before;
}

/* Names given to marks, and to other files, of which the directory was not synced yet. */
static atomic_int marks, names;

static int is_mark(const char *path) { return strstr(base(path), ".seen") != NULL; }

/* Counts a call. What is to become of it: an errno to fail with, or one of the enum. */
static int disturb(int kind, const char *path, const void *caller) {
  if (!(shim.calls & kind) || (shim.match && !strstr(path, shim.match))) return GO_ON;
  kind |= origin(caller) | (is_mark(path) ? MARK : 0);
  if ((kind & shim.only) != shim.only) return GO_ON;
  long call = atomic_fetch_add(&calls, 1);
  if (call < shim.at || (shim.count >= 0 && call >= shim.at + shim.count)) return GO_ON;
  tell(kind);
  if (!strncmp(shim.act, "kill", 4)) raise(SIGKILL);
  if (!strncmp(shim.act, "delay", 5)) usleep((useconds_t)shim.value * 1000);
  if (!strncmp(shim.act, "short", 5)) return kind & (WRITE | READ) ? SHORT : GO_ON;
  if (!strncmp(shim.act, "sync", 4)) return kind & SYNC ? NO_SYNC : GO_ON;
  return !strncmp(shim.act, "errno", 5) ? shim.value : GO_ON;
}

static ssize_t write_all(int fd, const struct iovec *data, int count, off_t offset) {
  if (offset < 0) {
    REAL(writev);
    return real(fd, data, count);
  }
  REAL(pwritev64);
  return real(fd, data, count, offset);
}

static size_t length_of(const struct iovec *data, int count) {
  size_t length = 0;
  for (int i = 0; i < count; i++) length += data[i].iov_len;
  return length;
}

/* The first half, as a disk does that fills up in the middle of a write. */
static ssize_t write_half(int fd, const struct iovec *data, int count, off_t offset) {
  struct iovec part = data[0];
  size_t half = length_of(data, count) / 2;
  if (part.iov_len > half) part.iov_len = half;
  if (part.iov_len == 0) {
    errno = shim.value;
    return -1;
  }
  return write_all(fd, &part, 1, offset);
}

static ssize_t put(int fd, const struct iovec *data, int count, off_t offset, const void *caller) {
  char path[PATH_MAX];
  struct stat stat;
  if (fd == shim.marks) record((struct entry){.type = 'M'}, "", data, count);
  if (fd == shim.marks || !ours_open(fd, path, &stat)) return write_all(fd, data, count, offset);
  off_t at = offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset;
  int fate = disturb(at + (off_t)length_of(data, count) > stat.st_size ? WRITE | EXTEND : WRITE, path, caller);
  if (fate > 0) {
    errno = fate;
    return -1;
  }
  if (fate == SHORT) return write_half(fd, data, count, offset);
  uint8_t synced = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  record((struct entry){'W', synced, .inode = stat.st_ino, .offset = (uint64_t)at}, base(path), data, count);
  ssize_t done = write_all(fd, data, count, offset);
  if (done >= 0) record((struct entry){'w', synced, .inode = stat.st_ino, .offset = (uint64_t)at}, "", 0, 0);
  return done;
}

ssize_t writev(int fd, const struct iovec *data, int count) { return put(fd, data, count, -1, CALLER); }
ssize_t pwritev64(int fd, const struct iovec *data, int count, off_t at) { return put(fd, data, count, at, CALLER); }
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t at) { return put(fd, data, count, at, CALLER); }
ssize_t write(int fd, const void *data, size_t length) {
  return put(fd, &(struct iovec){(void *)data, length}, 1, -1, CALLER);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) {
  return put(fd, &(struct iovec){(void *)data, length}, 1, at, CALLER);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
  return put(fd, &(struct iovec){(void *)data, length}, 1, at, CALLER);
}

/* How much of a read is to be made, of `length` bytes; -1 when it fails. */
static ssize_t readable(int fd, size_t length, const void *caller) {
  char path[PATH_MAX];
  struct stat stat;
  if (!(shim.calls & READ) || !ours_open(fd, path, &stat)) return (ssize_t)length;
  int fate = disturb(READ, path, caller);
  if (fate > 0) errno = fate;
  return fate > 0 ? -1 : fate == SHORT ? (ssize_t)(length + 1) / 2 : (ssize_t)length;
}

ssize_t pread64(int fd, void *into, size_t length, off_t at) {
  REAL(pread64);
  ssize_t most = readable(fd, length, CALLER);
  return most < 0 ? -1 : real(fd, into, (size_t)most, at);
}
ssize_t pread(int fd, void *into, size_t length, off_t at) {
  REAL(pread);
  ssize_t most = readable(fd, length, CALLER);
  return most < 0 ? -1 : real(fd, into, (size_t)most, at);
}
ssize_t read(int fd, void *into, size_t length) {
  REAL(read);
  ssize_t most = readable(fd, length, CALLER);
  return most < 0 ? -1 : real(fd, into, (size_t)most);
}

/* A directory does not say for which name it is synced: while names of both kinds wait for that, it is taken for a mark's. */
static int sync_of_name(void) {
  int waits = atomic_load(&marks) > 0;
  if (atomic_load(&names) > 0) atomic_fetch_sub(&names, 1);
  else if (waits) atomic_fetch_sub(&marks, 1);
  return waits ? MARK : 0;
}

static int sync_with(int fd, int (*real)(int), const void *caller) {
  char path[PATH_MAX];
  struct stat stat;
  if (!ours_open(fd, path, &stat)) return real(fd);
  uint8_t directory = S_ISDIR(stat.st_mode) != 0;
  int fate = disturb(SYNC | (directory ? sync_of_name() : 0), path, caller);
  if (fate > 0) {
    errno = fate;
    return -1;
  }
  if (fate == NO_SYNC) return 0;
  record((struct entry){directory ? 'D' : 'F', .inode = stat.st_ino}, base(path), 0, 0);
  int done = real(fd);
  if (done == 0) record((struct entry){directory ? 'd' : 'f', .inode = stat.st_ino}, "", 0, 0);
  return done;
}

int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_with(fd, real, CALLER);
}
int fsync(int fd) {
  REAL(fsync);
  return sync_with(fd, real, CALLER);
}

static int cut(int fd, off_t length, const void *caller) {
  static int (*real)(int, off_t);
  if (!real) real = (int (*)(int, off_t))dlsym(RTLD_NEXT, "ftruncate64");
  char path[PATH_MAX];
  struct stat stat;
  if (!ours_open(fd, path, &stat)) return real(fd, length);
  int fate = disturb(TRUNCATE, path, caller);
  if (fate > 0) {
    errno = fate;
    return -1;
  }
  record((struct entry){'T', .inode = stat.st_ino, .offset = (uint64_t)length}, base(path), 0, 0);
  return real(fd, length);
}
int ftruncate64(int fd, off_t length) { return cut(fd, length, CALLER); }
int ftruncate(int fd, off_t length) { return cut(fd, length, CALLER); }

/* Names are recorded once they have changed: 'L' a name was given to an inode, 'U' a name was taken away. */
static int named(int done, const char *gone, const char *come) {
  struct stat file;
  if (done != 0) return done;
  if (come && ours(come) && stat(come, &file) == 0) {
    atomic_fetch_add(is_mark(come) ? &marks : &names, 1);
    struct iovec old = {(void *)(gone ? base(gone) : ""), gone ? strlen(base(gone)) : 0};
    record((struct entry){.type = 'L', .inode = file.st_ino}, base(come), &old, 1);
  } else if (gone && ours(gone)) {
    record((struct entry){.type = 'U'}, base(gone), 0, 0);
  }
  return done;
}

static int refused(int kind, const char *path, const void *caller) {
  int fate = disturb(kind, path, caller);
  if (fate > 0) errno = fate;
  return fate > 0;
}

int link(const char *from, const char *to) {
  REAL(link);
  return ours(to) && refused(NAME, to, CALLER) ? -1 : named(real(from, to), 0, to);
}
int rename(const char *from, const char *to) {
  REAL(rename);
  return ours(to) && refused(NAME, to, CALLER) ? -1 : named(real(from, to), from, to);
}
int unlink(const char *path) {
  REAL(unlink);
  return ours(path) && refused(NAME, path, CALLER) ? -1 : named(real(path), path, 0);
}
int remove(const char *path) {
  REAL(remove);
  return ours(path) && refused(NAME, path, CALLER) ? -1 : named(real(path), path, 0);
}

static int open_with(const char *path, int flags, int mode, const void *caller) {
  static int (*real)(const char *, int, ...);
  if (!real) real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
  struct stat file;
  if (!inside(path)) return real(path, flags, mode);
  int lock = !ours(path);
  /* A directory is opened to be synced. */
  int of_mark = !strcmp(path, shim.directory) && atomic_load(&marks) > 0 ? MARK : 0;
  if (!(lock && !(origin(caller) & ENGINE)) && refused(OPEN | of_mark, path, caller)) return -1;
  int known = stat(path, &file) == 0, cleared = known && (flags & O_TRUNC) && file.st_size > 0;
  int fd = real(path, flags, mode);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE)) tell(OPEN | origin(caller));
  if (fd < 0 || lock || fstat(fd, &file)) return fd;
  /* 'O' a file was opened, 'C' and made by that, 'T' and cleared. */
  record((struct entry){.type = known ? cleared ? 'T' : 'O' : 'C', .inode = file.st_ino}, base(path), 0, 0);
  return fd;
}

static int mode_in(int flags, va_list rest) { return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, int) : 0; }

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = mode_in(flags, rest);
  va_end(rest);
  return open_with(path, flags, mode, CALLER);
}
int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = mode_in(flags, rest);
  va_end(rest);
  return open_with(path, flags, mode, CALLER);
}
