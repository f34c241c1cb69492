/** A worker of cores-server.ts: waits in epoll, lets one in for each event of the listener, and sends back what it reads. */
import { parentPort } from 'node:worker_threads';
import { succeeded } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { type Done, type Order, WAYS, type Way } from './cores-ways.js';

const MAXEVENTS = 1024;
const BYTES = 65_536;
/** How long a peer may take to make room for its echo, in milliseconds. */
const PATIENCE = 5000;

const events = new sys.EpollEvents(MAXEVENTS);
const bytes = Buffer.allocUnsafeSlow(BYTES);
const one = new sys.PollFds(1);

function openOwnDoor(port: number): number {
  const fd = succeeded('socket', sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0));
  succeeded('setsockopt', sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_REUSEPORT, 1));
  succeeded('bind', sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port }));
  succeeded('listen', sys.listen(fd, sys.SOMAXCONN));
  return fd;
}

/** All of it, also where the peer is slow: in a shared set, nobody else could send the rest. */
function sendBack(fd: number, count: number): boolean {
  for (let sent = 0; sent < count; ) {
    const result = sys.send(fd, bytes, sent, count - sent, sys.MSG_NOSIGNAL);
    if (result >= 0) {
      sent += result;
      continue;
    }
    if (result !== -sys.EAGAIN) return false;
    one.set(0, fd, sys.POLLOUT);
    if (sys.poll(one, 1, PATIENCE) <= 0) return false;
  }
  return true;
}

function serve(way: Way, { door, over, set, open }: Order): Done {
  const epfd = set ?? succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC));
  if (set === null) {
    succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, door, way.mask));
    succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, over, sys.EPOLLIN));
  }
  // Of a set that several wait in, a connection must not be handed to two of them.
  const mask = way.oneSet ? sys.EPOLLIN | sys.EPOLLONESHOT : sys.EPOLLIN;
  const done = { told: 0, wasted: 0, accepted: 0, echoed: 0, ended: 0 };
  parentPort?.postMessage('ready');

  const letIn = (): void => {
    done.told++;
    const fd = sys.accept4(door, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC);
    if (fd === -sys.EAGAIN) {
      done.wasted++;
      return;
    }
    // Whoever went again before the door opened has been there all the same.
    if (fd === -sys.ECONNABORTED) return;
    succeeded('accept4', fd);
    done.accepted++;
    succeeded('setsockopt', sys.setsockopt(fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1));
    open[fd] = 1;
    succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, mask));
  };
  const echo = (fd: number): void => {
    const count = sys.recv(fd, bytes);
    if (count > 0 && sendBack(fd, count)) {
      done.echoed++;
    } else if (count !== -sys.EAGAIN) {
      done.ended++;
      open[fd] = 0;
      sys.close(fd);
      return;
    }
    if (way.oneSet) succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, fd, mask));
  };

  for (let going = true; going; ) {
    const found = sys.epoll_wait(epfd, events, MAXEVENTS, -1);
    if (found === -sys.EINTR) break;
    succeeded('epoll_wait', found);
    for (let i = 0; i < found; i++) {
      const fd = events.fd(i);
      if (fd === door) letIn();
      else if (fd === over) going = false;
      else echo(fd);
    }
  }
  if (set === null) sys.close(epfd);
  return done;
}

parentPort?.on('message', (order: Order) => {
  const way = WAYS.find(({ name }) => name === order.way);
  if (way === undefined) throw new Error(`no way '${order.way}'`);
  if (!way.own) {
    parentPort?.postMessage(serve(way, order));
    return;
  }
  const door = openOwnDoor(order.port);
  const done = serve(way, { ...order, door });
  sys.close(door);
  parentPort?.postMessage(done);
});
