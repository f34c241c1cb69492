/**
 * What any descriptor can do: read, write, close, duplicate, be asked and be told; and how many there may be.
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const pipefd = new Int32Array(2);
 * sys.pipe2(pipefd, sys.O_CLOEXEC | sys.O_NONBLOCK);
 * sys.write(pipefd[1], Buffer.from('hello'));
 * const buffer = Buffer.alloc(64);
 * const count = sys.read(pipefd[0], buffer); // 5; then -EAGAIN
 * ```
 */
import { filled, int32, integer, invalidType, mask32, size } from './check.js';
import { constant, frame, native } from './native.js';
import { window } from './window.js';

/** Standard input: 0. */
export const STDIN_FILENO = constant('STDIN_FILENO');
/** Standard output: 1. */
export const STDOUT_FILENO = constant('STDOUT_FILENO');
/** Standard error: 2. */
export const STDERR_FILENO = constant('STDERR_FILENO');
/** Open for reading. */
export const O_RDONLY = constant('O_RDONLY');
/** Open for writing. */
export const O_WRONLY = constant('O_WRONLY');
/** Open for both. */
export const O_RDWR = constant('O_RDWR');
/** The bits that say which of the three. */
export const O_ACCMODE = constant('O_ACCMODE');
/** Each write goes to the end. */
export const O_APPEND = constant('O_APPEND');
/** A call that cannot go on gives EAGAIN. */
export const O_NONBLOCK = constant('O_NONBLOCK');
/** Closed in the programs that exec starts. */
export const O_CLOEXEC = constant('O_CLOEXEC');
/** Makes the file if it is not there. */
export const O_CREAT = constant('O_CREAT');
/** Of a pipe: each write is a packet of its own. Of a file: past the cache. */
export const O_DIRECT = constant('O_DIRECT');
/** Fails with ENOTDIR for what is no directory. */
export const O_DIRECTORY = constant('O_DIRECTORY');
/** With O_CREAT: fails with EEXIST if the file is there. */
export const O_EXCL = constant('O_EXCL');
/** A terminal that is opened does not become the process's own. */
export const O_NOCTTY = constant('O_NOCTTY');
/** Fails with ELOOP if the last part of the path is a symbolic link. */
export const O_NOFOLLOW = constant('O_NOFOLLOW');
/** A descriptor that stands for a place, and cannot be read or written. */
export const O_PATH = constant('O_PATH');
/** A file without a name, in the directory given. */
export const O_TMPFILE = constant('O_TMPFILE');
/** Cuts the file to nothing. */
export const O_TRUNC = constant('O_TRUNC');
/** In place of a directory's descriptor: the working directory. */
export const AT_FDCWD = constant('AT_FDCWD');
/** Nothing outside the directory is come by on the way: neither through `..` or a link, nor from the root. */
export const RESOLVE_BENEATH = constant('RESOLVE_BENEATH');
/** The directory is the root, for `/`, `..` and links, too. */
export const RESOLVE_IN_ROOT = constant('RESOLVE_IN_ROOT');
/** No link of /proc such as /proc/self/fd/1, which leads anywhere. */
export const RESOLVE_NO_MAGICLINKS = constant('RESOLVE_NO_MAGICLINKS');
/** No symbolic link on the way. */
export const RESOLVE_NO_SYMLINKS = constant('RESOLVE_NO_SYMLINKS');
/** No other file system, not even one mounted below. */
export const RESOLVE_NO_XDEV = constant('RESOLVE_NO_XDEV');
/** The flag of a descriptor that exec closes. */
export const FD_CLOEXEC = constant('FD_CLOEXEC');
/** For fcntl: the lowest free number from its argument on, for the same file. */
export const F_DUPFD = constant('F_DUPFD');
/** F_DUPFD, and the copy is closed by exec. */
export const F_DUPFD_CLOEXEC = constant('F_DUPFD_CLOEXEC');
/** For fcntl: the flags of the descriptor, FD_CLOEXEC. */
export const F_GETFD = constant('F_GETFD');
/** For fcntl: sets them. */
export const F_SETFD = constant('F_SETFD');
/** For fcntl: the flags of the open file, O_…. */
export const F_GETFL = constant('F_GETFL');
/** For fcntl: sets those that can be set, O_NONBLOCK and O_APPEND. */
export const F_SETFL = constant('F_SETFL');
/** For fcntl: how many bytes a pipe takes. */
export const F_GETPIPE_SZ = constant('F_GETPIPE_SZ');
/** For fcntl: sets it; the kernel rounds up. */
export const F_SETPIPE_SZ = constant('F_SETPIPE_SZ');
/** How many bytes there are to read. */
export const FIONREAD = constant('FIONREAD');
/** How many bytes written have not left yet (on a socket also known as SIOCOUTQ). */
export const TIOCOUTQ = constant('TIOCOUTQ');
/** A write to a pipe of no more bytes than this is atomic. */
export const PIPE_BUF = constant('PIPE_BUF');
/** One more than the highest number that a descriptor of the process may have. */
export const RLIMIT_NOFILE = constant('RLIMIT_NOFILE');
/** No limit: `Infinity`. */
export const RLIM_INFINITY = constant('RLIM_INFINITY');

/**
 * Reads what there is, up to `length` bytes, into the caller's buffer. Blocks if the descriptor does.
 * @param buffer any Uint8Array over memory of its own
 * @param offset where in the buffer to begin, 0 to `buffer.length`
 * @param length how many bytes at most; all that follow `offset` unless given
 * @returns how many bytes were read, 0 at the end of the file, or `-EAGAIN`, `-EBADF`, `-EINTR`, `-EIO`, `-EISDIR`…
 * @throws TypeError | RangeError for what is no C value, a window outside the buffer, a detached or shared buffer
 * @see {@link https://man7.org/linux/man-pages/man2/read.2.html read(2)}
 */
export function read(fd: number, buffer: Uint8Array, offset = 0, length?: number): number {
  frame[0] = int32('fd', fd);
  window(buffer, offset, length);
  native.read(buffer);
  return (frame[0] as number) | 0;
}

/**
 * Writes up to `length` bytes of the caller's buffer. Blocks if the descriptor does.
 * @param buffer any Uint8Array over memory of its own
 * @param offset where in the buffer to begin, 0 to `buffer.length`
 * @param length how many bytes; all that follow `offset` unless given
 * @returns how many bytes were written, which may be fewer, or `-EAGAIN`, `-EBADF`, `-EINTR`, `-ENOSPC`, `-EPIPE`…
 * @throws TypeError | RangeError for what is no C value, a window outside the buffer, a detached or shared buffer
 * @see {@link https://man7.org/linux/man-pages/man2/write.2.html write(2)}
 */
export function write(fd: number, buffer: Uint8Array, offset = 0, length?: number): number {
  frame[0] = int32('fd', fd);
  window(buffer, offset, length);
  native.write(buffer);
  return (frame[0] as number) | 0;
}

/**
 * Gives a descriptor back. Its number is free for the next one even when an error is returned.
 * Closing one that belongs to somebody else, such as Node.js's event loop, breaks its owner. What `fs.openSync` opened is
 * for `fs.closeSync`: a worker thread closes, at its end, every number that it has not seen closed that way.
 * @returns 0, or `-EBADF`, `-EINTR`, `-EIO`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/close.2.html close(2)}
 */
export function close(fd: number): number {
  frame[0] = int32('fd', fd);
  native.close();
  return (frame[0] as number) | 0;
}

/**
 * Opens a file, and says which ways to it may be taken. The last three are `struct open_how`, in its order.
 * Opening a FIFO waits for its other end, unless `O_NONBLOCK` is given.
 * @param dirfd the directory that a relative `pathname` starts from, or `AT_FDCWD`
 * @param flags `O_RDONLY`, `O_WRONLY`, `O_RDWR` or `O_PATH`, with a mask of the other `O_` constants
 * @param mode of a file that is made: with `O_CREAT` or `O_TMPFILE`, otherwise 0
 * @param resolve a mask of the `RESOLVE_` constants
 * @returns the new descriptor, or `-EAGAIN` (something was renamed meanwhile: try again), `-EXDEV` (the way leads out of where
 *   `resolve` lets it), `-ELOOP`, `-ENOENT`, `-ENOTDIR`, `-EACCES`, `-EMFILE`, `-EINVAL` (flags that are unknown or do not
 *   fit together), `-ENOSYS`…
 * @throws TypeError | RangeError for what is no C value, or a path with NUL
 * @see {@link https://man7.org/linux/man-pages/man2/openat2.2.html openat2(2)}, Linux 5.6
 */
export function openat2(dirfd: number, pathname: string, flags: number, mode = 0, resolve = 0): number {
  if (typeof pathname !== 'string' || pathname.includes('\0')) {
    throw invalidType('pathname', 'a path without NUL', pathname);
  }
  frame[0] = int32('dirfd', dirfd);
  frame[2] = mask32('flags', flags);
  frame[3] = mask32('mode', mode);
  frame[4] = mask32('resolve', resolve);
  native.openat2(pathname);
  return (frame[0] as number) | 0;
}

/**
 * Makes a pipe.
 * @param pipefd filled with the end to read from and the end to write to
 * @param flags a mask of `O_CLOEXEC`, `O_NONBLOCK`, `O_DIRECT`
 * @returns 0, or `-EINVAL`, `-EMFILE`, `-ENFILE`
 * @throws TypeError | RangeError for what is no C value, or an array with room for less than 2
 * @see {@link https://man7.org/linux/man-pages/man2/pipe.2.html pipe2(2)}, Linux 2.6.27
 */
export function pipe2(pipefd: Int32Array, flags = 0): number {
  filled('pipefd', pipefd, 'Int32Array', 2);
  frame[1] = int32('flags', flags);
  native.pipe2(pipefd);
  return (frame[0] as number) | 0;
}

/**
 * A second number for what a descriptor stands for, the lowest one free. It is not close-on-exec; `fcntl` with
 * `F_DUPFD_CLOEXEC` makes one that is.
 * @returns the new descriptor, or `-EBADF`, `-EMFILE`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/dup.2.html dup(2)}
 */
export function dup(fd: number): number {
  frame[0] = int32('fd', fd);
  native.dup();
  return (frame[0] as number) | 0;
}

/**
 * Asks or changes a descriptor: the commands whose argument is a number.
 * @param cmd `F_DUPFD`, `F_DUPFD_CLOEXEC`, `F_GETFD`, `F_SETFD`, `F_GETFL`, `F_SETFL`, `F_GETPIPE_SZ` or `F_SETPIPE_SZ`
 * @param arg what the command wants; 0 unless given
 * @returns what the command answers, or `-EBADF`, `-EBUSY`, `-EINVAL`, `-EMFILE`, `-EPERM`
 * @throws TypeError | RangeError for what is no C int, or another command: it would take a pointer
 * @see {@link https://man7.org/linux/man-pages/man2/fcntl.2.html fcntl(2)}
 */
export function fcntl(fd: number, cmd: number, arg = 0): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('cmd', cmd);
  frame[2] = int32('arg', arg);
  native.fcntl();
  return (frame[0] as number) | 0;
}

/**
 * Asks how many bytes wait.
 * @param request `FIONREAD` (to be read) or `TIOCOUTQ` (written, and not gone yet)
 * @param argp its element 0 is filled with the count
 * @returns 0, or `-EBADF`, `-ENOTTY` (not for this kind of descriptor), `-EINVAL`
 * @throws TypeError | RangeError for what is no C value, another request, or an array without room
 * @see {@link https://man7.org/linux/man-pages/man2/ioctl.2.html ioctl(2)}
 */
export function ioctl(fd: number, request: number, argp: Int32Array): number {
  filled('argp', argp, 'Int32Array', 1);
  frame[0] = int32('fd', fd);
  frame[1] = size('request', request);
  native.ioctl(argp);
  return (frame[0] as number) | 0;
}

/**
 * How many descriptors this process may have.
 * @param resource `RLIMIT_NOFILE`: other limits end a process that reaches them
 * @param rlim filled with the soft limit and the hard one; `RLIM_INFINITY` for none
 * @returns 0
 * @throws TypeError | RangeError for what is no C value, another resource, or an array with room for less than 2
 * @see {@link https://man7.org/linux/man-pages/man2/getrlimit.2.html getrlimit(2)}
 */
export function getrlimit(resource: number, rlim: Float64Array): number {
  filled('rlim', rlim, 'Float64Array', 2);
  frame[0] = int32('resource', resource);
  native.getrlimit(rlim);
  return (frame[0] as number) | 0;
}

/** A limit: an integer that a double holds exactly, or none at all. */
function limit(name: string, value: number | undefined): number {
  return value === RLIM_INFINITY ? RLIM_INFINITY : integer(name, value as number, 0, Number.MAX_SAFE_INTEGER);
}

/**
 * Changes how many descriptors this process may have. Node.js itself needs some; a limit below what is open is legal.
 * @param resource `RLIMIT_NOFILE`
 * @param rlim the soft limit and the hard one, integers or `RLIM_INFINITY`
 * @returns 0, or `-EINVAL` (soft above hard), `-EPERM` (raising the hard one, or it is above fs.nr_open)
 * @throws TypeError | RangeError for what is no C value, or another resource
 * @see {@link https://man7.org/linux/man-pages/man2/getrlimit.2.html setrlimit(2)}
 */
export function setrlimit(resource: number, rlim: Float64Array): number {
  filled('rlim', rlim, 'Float64Array', 2);
  frame[0] = int32('resource', resource);
  frame[1] = limit('rlim[0]', rlim[0]);
  frame[2] = limit('rlim[1]', rlim[1]);
  native.setrlimit();
  return (frame[0] as number) | 0;
}
