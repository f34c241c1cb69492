/**
 * epoll(7), level- or edge-triggered: the kernel keeps the descriptors, and hands over those that are ready. On a level one
 * read for each wake-up is enough; on an edge it takes another one, which says EAGAIN.
 *
 *   node epoll.js level|edge
 */
import { succeeded, systemError } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { HttpClient, type Outcome } from './client.js';
import { admitAll, openDoor } from './door.js';

const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLOUT, EPOLLRDHUP } = sys;

/** How often a busy client is served on an edge before the others have their turn. */
const TURNS = 16;

const edge = process.argv[2] === 'edge';
const door = openDoor(edge ? 'epoll edge' : 'epoll level');
const epfd = succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC));
const events = new sys.EpollEvents(1024);
const clients = new Map<number, HttpClient>();
/** Edge-triggered: who was cut short, and will not be told of again. */
const unfinished = new Set<HttpClient>();

const control = (op: number, fd: number, mask: number): void => {
  succeeded('epoll_ctl', sys.epoll_ctl(epfd, op, fd, mask));
};

const welcome = (fd: number): void => {
  control(EPOLL_CTL_ADD, fd, edge ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET : EPOLLIN);
  clients.set(fd, new HttpClient(fd));
};

const serveLevel = (client: HttpClient, told: number): void => {
  const outcome = client.serve();
  if (outcome === 'gone') clients.delete(client.fd);
  else if (outcome === 'blocked' && told & EPOLLIN) control(EPOLL_CTL_MOD, client.fd, EPOLLOUT);
  else if (outcome !== 'blocked' && told & EPOLLOUT) control(EPOLL_CTL_MOD, client.fd, EPOLLIN);
};

const serveEdge = (client: HttpClient): void => {
  let outcome: Outcome = 'served';
  for (let i = 0; i < TURNS && outcome === 'served'; i++) outcome = client.serve();
  if (outcome === 'gone') clients.delete(client.fd);
  else if (outcome === 'served') unfinished.add(client);
};

control(EPOLL_CTL_ADD, door, edge ? EPOLLIN | EPOLLET : EPOLLIN);
for (;;) {
  const count = sys.epoll_wait(epfd, events, events.capacity, unfinished.size > 0 ? 0 : -1);
  if (count < 0 && count !== -sys.EINTR) throw systemError('epoll_wait', count);
  const waiting = [...unfinished];
  unfinished.clear();
  let knocked = false;
  for (let i = 0; i < count; i++) {
    const client = clients.get(events.fd(i));
    if (client === undefined) knocked = true;
    else if (edge) serveEdge(client);
    else serveLevel(client, events.events(i));
  }
  for (const client of waiting) if (clients.get(client.fd) === client) serveEdge(client);
  if (knocked) admitAll(door, sys.SOCK_NONBLOCK, welcome);
}
