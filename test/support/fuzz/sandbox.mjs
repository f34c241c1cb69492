// Descriptors to be rough with: of every kind, none of them blocks, and their numbers are far from the runner's own.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sys from 'fdmux/sys';

const LOWEST = 700;

/** Relative paths lead here. */
const folder = mkdtempSync(join(tmpdir(), 'fdmux-fuzz-'));
writeFileSync(join(folder, 'file'), 'text');
process.chdir(folder);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

export const isOpen = (fd) => sys.fcntl(fd, sys.F_GETFD) >= 0;
export const openDescriptors = () => readdirSync('/proc/self/fd').map(Number).filter(isOpen);

export const fds = {};

function move(name, fd) {
  if (fd < 0) throw new Error(`${name}: ${fd}`);
  fds[name] = sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, LOWEST);
  sys.close(fd);
}

export function build() {
  for (const fd of Object.values(fds)) sys.close(fd);
  const two = new Int32Array(2);
  sys.pipe2(two, sys.O_NONBLOCK);
  move('r', two[0]);
  move('w', two[1]);
  sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0, two);
  move('a', two[0]);
  move('b', two[1]);
  move('listener', sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0));
  sys.bind(fds.listener, { family: 'IPv4', address: '127.0.0.1', port: 0 });
  sys.listen(fds.listener, 4);
  move('client', sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0));
  move('datagram', sys.socket(sys.AF_INET, sys.SOCK_DGRAM | sys.SOCK_NONBLOCK, 0));
  move('epoll', sys.epoll_create1(0));
  sys.epoll_ctl(fds.epoll, sys.EPOLL_CTL_ADD, fds.w, sys.EPOLLOUT);
  move('timer', sys.timerfd_create(sys.CLOCK_MONOTONIC, sys.TFD_NONBLOCK));
  move('counter', sys.eventfd(1, sys.EFD_NONBLOCK));
  move('inotify', sys.inotify_init1(sys.IN_NONBLOCK));
  move('folder', sys.openat2(sys.AT_FDCWD, '.', sys.O_RDONLY));
  refill();
}

function refill() {
  const text = Buffer.from('something to read');
  sys.write(fds.w, text);
  sys.write(fds.b, text);
}

/** As it was: descriptors that a call was meant to close, or to make block, are there again, and do not block. */
export function mend() {
  if (!Object.values(fds).every(isOpen)) build();
  for (const fd of Object.values(fds)) {
    const flags = sys.fcntl(fd, sys.F_GETFL);
    if (!(flags & sys.O_NONBLOCK)) sys.fcntl(fd, sys.F_SETFL, flags | sys.O_NONBLOCK);
  }
  const left = new Int32Array(1);
  if (sys.ioctl(fds.r, sys.FIONREAD, left) < 0 || left[0] < 8 || left[0] > 4096) {
    const gone = new Uint8Array(65536);
    while (sys.read(fds.r, gone) > 0);
    while (sys.read(fds.a, gone) > 0);
    refill();
  }
}
