/**
 * A listener that somebody else has opened: socket activation, as systemd does it (sd_listen_fds(3)). The service manager
 * listens, and starts a program with the listener as descriptor 3 when somebody comes; while the program is started anew
 * nobody is turned away.
 */
import { succeeded, systemError } from '../../error.js';
import * as sys from '../../sys/index.js';

/** Where descriptors begin that are handed over: SD_LISTEN_FDS_START. */
const FIRST = 3;

/** What the environment says of descriptors that are handed over. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How many descriptors are handed over to this process, from 3 on. What is said to another one does not count. */
function handedOver(env: Environment, pid: number): number {
  const count = env.LISTEN_FDS ?? '';
  if (Number(env.LISTEN_PID) !== pid || count === '') return 0;
  if (/^\d{1,6}$/.test(count)) return Number(count);
  throw new Error(`LISTEN_FDS is '${count}': it should be how many descriptors are handed over`);
}

/**
 * Which descriptor to listen on.
 * @param asked by the operator, if he did
 * @returns `undefined` when none is handed over, and none was asked for
 * @throws Error when there are several, or not the one that was asked for
 */
export function chooseInherited(asked: number | undefined, env: Environment, pid: number): number | undefined {
  const count = handedOver(env, pid);
  if (asked === undefined) {
    if (count <= 1) return count === 1 ? FIRST : undefined;
    throw new Error(`${count} descriptors are handed over, but a program listens on one: say which by --fd`);
  }
  if (count > 0 && (asked < FIRST || asked >= FIRST + count)) {
    const last = FIRST + count - 1;
    throw new Error(`--fd ${asked}: handed over ${count === 1 ? `is ${FIRST}` : `are ${FIRST} to ${last}`}`);
  }
  return asked;
}

/**
 * A descriptor of our own for a listener that was handed over; it does not block.
 * @throws Error for what is no listening TCP socket
 */
export function adoptListener(fd: number): number {
  const value = new Int32Array(1);
  const ask = (option: number): number => {
    const result = sys.getsockopt(fd, sys.SOL_SOCKET, option, value);
    if (result >= 0) return value[0] as number;
    if (result === -sys.EBADF) throw new Error(`--fd ${fd}: there is no such descriptor`);
    if (result === -sys.ENOTSOCK) throw new Error(`--fd ${fd}: it is no socket`);
    throw systemError('getsockopt', result);
  };
  if (ask(sys.SO_TYPE) !== sys.SOCK_STREAM) throw new Error(`--fd ${fd}: it is no stream socket`);
  const domain = ask(sys.SO_DOMAIN);
  if (domain !== sys.AF_INET && domain !== sys.AF_INET6) throw new Error(`--fd ${fd}: it is no socket of IPv4 or IPv6`);
  if (ask(sys.SO_ACCEPTCONN) === 0) throw new Error(`--fd ${fd}: it is a connection or a socket that does not listen`);
  const own = succeeded('fcntl', sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, 0));
  // Whoever handed it over shares this: it does not accept meanwhile.
  const flags = succeeded('fcntl', sys.fcntl(own, sys.F_GETFL));
  succeeded('fcntl', sys.fcntl(own, sys.F_SETFL, flags | sys.O_NONBLOCK));
  // It is not for programs that this one starts.
  sys.fcntl(fd, sys.F_SETFD, sys.FD_CLOEXEC);
  return own;
}
