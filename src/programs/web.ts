/**
 * A server of files over epoll(7): document 004, "web".
 *
 * The operator sees a line for each request: who asked, for what, the status and how many bytes were sent. One thread
 * serves everybody, so nobody may be waited for: what comes is parsed in the pieces that it comes in, and a file is read
 * in the pieces that its reader takes. A client that stops in the middle of either costs a few hundred bytes, until its
 * time is up.
 *
 * The loop is that of epoll-echo. Two things are new. A client may send its next requests before it has got the first
 * reply: they lie in the server then, and no kernel tells of them. And there are deadlines: the wait ends at the next
 * one, and then those are sent away whose time is up.
 *
 * - `web/request.ts`, over `web/llhttp.ts`: from bytes to requests
 * - `web/target.ts`, `web/files.ts`, `web/beneath.ts`: from a request to an open file, of this folder and no other
 * - `web/conditions.ts`, `web/answer.ts`, `web/reply.ts`: from there to a reply
 * - `web/connection.ts`: one client, all of this in turn
 *
 * What the original got wrong: it took what one `recv(1024)` gave for a whole request; it put the path behind the
 * folder's unchecked, so that `/../../etc/passwd` was served; it began its answers with `HTTP 200 OK/1.1`, which is no
 * status line, and told neither type nor length; it read each file as a whole into memory, and sent it with one `send`,
 * which loses what the kernel does not take.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorCode, succeeded, systemError } from '../error.js';
import { SignalPipe } from '../signal-pipe.js';
import * as sys from '../sys/index.js';
import { packageRoot } from '../sys/native.js';
import type { Program, ServeOptions } from './program.js';
import { Listener } from './support/listener.js';
import { Operator } from './support/operator.js';
import { insist } from './support/shortage.js';
import { Clock } from './web/clock.js';
import { Connection, type Outcome, type Site } from './web/connection.js';
import { Root } from './web/files.js';
import { head, page } from './web/reply.js';

const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, EpollEvents } = sys;

/** How many of those who are one too many are told so by the book; beyond, they are sent away at once. */
const SPARE = 64;

export interface WebOptions extends ServeOptions {
  root?: string;
  trigger: 'level' | 'edge';
  maxConnections: number;
  /** In seconds. */
  idleTimeout: number;
  /** In seconds. */
  headerTimeout: number;
}

/** The folder of the document, or else the site that comes with the package. */
function defaultRoot(): string {
  return existsSync('./html') ? './html' : fileURLToPath(new URL('src/programs/web/site/', packageRoot));
}

/** A door that turns people away in HTTP. */
class WebListener extends Listener {
  protected override farewell(reason: string): string {
    const reply = page(503, reason);
    return head(reply, new Date().toUTCString(), 'close') + reply.text;
  }
}

function serve(options: WebOptions): void {
  const operator = new Operator(options.quiet);
  const edge = options.trigger === 'edge';
  const clock = new Clock();
  const root = new Root(options.root ?? defaultRoot());
  const site: Site = {
    root,
    operator,
    clock,
    idleTimeout: options.idleTimeout * 1000,
    headerTimeout: options.headerTimeout * 1000,
  };
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new WebListener('web', options, operator);
  // Connections inherit it. The last piece of a file must not wait for the client to confirm the one before.
  sys.setsockopt(listener.fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
  const epfd = succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC));
  const events = new EpollEvents(1024);
  const clients = new Map<number, Connection>();
  /** Who was cut short, and will not be told of again. */
  const unfinished = new Set<Connection>();
  let moreAtTheDoor = false;
  /** No deadline comes before this one. */
  let nextDeadline = Number.POSITIVE_INFINITY;

  const control = (op: number, fd: number, mask: number): void => {
    insist(() => sys.epoll_ctl(epfd, op, fd, mask));
  };
  control(EPOLL_CTL_ADD, signals.fd, EPOLLIN);
  control(EPOLL_CTL_ADD, listener.fd, edge ? EPOLLIN | EPOLLET : EPOLLIN);

  const welcome = (fd: number, peer: string): void => {
    if (clients.size >= options.maxConnections + SPARE) {
      listener.refuse(fd, 'too many connections');
      return;
    }
    // On an edge nothing is ever changed again: both directions are told, each when it changes.
    const mask = edge ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET : EPOLLIN;
    const result = sys.epoll_ctl(epfd, EPOLL_CTL_ADD, fd, mask);
    if (result < 0) {
      listener.refuse(fd, `no room: ${errorCode(result)}`);
      return;
    }
    const full = clients.size >= options.maxConnections;
    const client = new Connection(fd, peer, site);
    clients.set(fd, client);
    client.interest = EPOLLIN;
    settle(client, full ? client.refuse(503, 'too many connections') : 'idle');
  };

  const settle = (client: Connection, outcome: Outcome): void => {
    if (outcome === 'gone') {
      // Closing has taken the descriptor out of the set.
      clients.delete(client.fd);
      unfinished.delete(client);
      if (listener.shut) moreAtTheDoor = true;
      return;
    }
    if (client.deadline < nextDeadline) nextDeadline = client.deadline;
    if (outcome === 'busy') {
      unfinished.add(client);
    } else if (!edge) {
      const interest = outcome === 'blocked' ? EPOLLOUT : EPOLLIN;
      if (interest !== client.interest) control(EPOLL_CTL_MOD, client.fd, interest);
      client.interest = interest;
    }
  };

  const expire = (): void => {
    nextDeadline = Number.POSITIVE_INFINITY;
    for (const client of clients.values()) {
      if (clock.reached(client.deadline)) settle(client, client.expire());
      else if (client.deadline < nextDeadline) nextDeadline = client.deadline;
    }
  };

  const admit = (): void => {
    moreAtTheDoor = !listener.admit(welcome) && edge;
    // A level-triggered listener that cannot accept would be told again and again.
    if (!edge) control(EPOLL_CTL_MOD, listener.fd, listener.shut ? 0 : EPOLLIN);
  };

  for (;;) {
    clock.tick();
    const patience = listener.shut ? Math.min(clock.in(listener.timeout), nextDeadline) : nextDeadline;
    const timeout = moreAtTheDoor || unfinished.size > 0 ? 0 : clock.timeout(patience);
    const count = sys.epoll_wait(epfd, events, events.capacity, timeout);
    if (count === -sys.EINTR) continue;
    if (count < 0) throw systemError('epoll_wait', count);
    clock.tick();
    const waiting = [...unfinished];
    unfinished.clear();

    let stop = false;
    let knocked = moreAtTheDoor || listener.overdue;
    for (let i = 0; i < count; i++) {
      const fd = events.fd(i);
      const client = clients.get(fd);
      if (client !== undefined) settle(client, client.serve(events.events(i)));
      else if (fd === listener.fd) knocked = true;
      else if (fd === signals.fd) stop = true;
    }
    if (stop) break;
    for (const client of waiting) {
      if (clients.get(client.fd) === client) settle(client, client.serve(0));
    }
    if (clock.reached(nextDeadline)) expire();
    // Newcomers last: one of them may get the number of somebody who has just left.
    if (knocked) admit();
  }

  for (const client of clients.values()) client.close();
  listener.close();
  root.close();
  sys.close(epfd);
}

export const web: Program<WebOptions> = {
  name: 'web',
  document: '004',
  summary: 'a server of files over epoll(7): pages, pictures, parts of big files; one line for each request',
  port: 7786,
  scales: true,
  options: [
    { flags: '--root <folder>', description: 'the folder to serve (default: ./html, or a small site of our own)' },
    {
      flags: '--trigger <mode>',
      description: 'tell what is ready again and again (level), or each change once (edge)',
      choices: ['level', 'edge'],
      default: 'edge',
    },
    {
      flags: '--max-connections <count>',
      description: 'how many clients may be connected; one more is told 503',
      kind: 'count',
      default: 1000,
    },
    {
      flags: '--idle-timeout <seconds>',
      description: 'how long a client may neither ask nor take what it asked for',
      kind: 'seconds',
      default: 30,
    },
    {
      flags: '--header-timeout <seconds>',
      description: 'how long a request may take to arrive; then it is told 408',
      kind: 'seconds',
      default: 10,
    },
  ],
  serve,
};
