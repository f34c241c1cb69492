/** The door of the benchmark's HTTP servers. */
import { succeeded, systemError } from '../../src/error.js';
import { openListener } from '../../src/programs/support/listener.js';
import * as sys from '../../src/sys/index.js';

/** Opens a listening socket on a free port of loopback, non-blocking, and says where. Ports of clients inherit TCP_NODELAY. */
export function openDoor(name: string): number {
  const fd = openListener('127.0.0.1', 0, sys.SOMAXCONN);
  sys.setsockopt(fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
  const here = new sys.SockAddr();
  succeeded('getsockname', sys.getsockname(fd, here));
  console.log(`${name} listening on 127.0.0.1:${here.port}`);
  return fd;
}

/** As `openDoor`, for a server that waits in `accept4` itself. */
export function openBlockingDoor(name: string): number {
  const fd = openDoor(name);
  const flags = succeeded('fcntl', sys.fcntl(fd, sys.F_GETFL));
  succeeded('fcntl', sys.fcntl(fd, sys.F_SETFL, flags & ~sys.O_NONBLOCK));
  return fd;
}

/** Lets in everybody who waits, until EAGAIN. @param flags `SOCK_NONBLOCK` for sockets that do not block */
export function admitAll(door: number, flags: number, welcome: (fd: number) => void): void {
  for (;;) {
    const fd = sys.accept4(door, flags | sys.SOCK_CLOEXEC);
    if (fd === -sys.EAGAIN) return;
    if (fd >= 0) welcome(fd);
    else if (fd !== -sys.ECONNABORTED && fd !== -sys.EINTR) throw systemError('accept4', fd);
  }
}
