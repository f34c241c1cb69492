/**
 * An echo server over epoll(7), edge- or level-triggered: document 000, "epoll".
 *
 * The operator sees who comes, what comes and who leaves. The set of descriptors lives in the kernel: each is added once,
 * and a wait hands over the ready ones and no others.
 *
 * Level-triggered, a wait repeats what is ready until nothing is left: one read each time is enough, and fair to all.
 * Edge-triggered, a wait tells each change once: whoever stops before there is nothing left is not told again. So this
 * server accepts until EAGAIN and reads until nothing is left; a client that keeps it busy is put at the end of a queue
 * after a few reads, because the kernel would not remind it.
 *
 * That nothing is left, EAGAIN says, at the price of one call more a message. Of a stream, a read that takes less than it
 * had room for says the same (epoll(7), question 9), and what comes later is told anew. But the end, an error or the mark
 * of urgent data that was told together with the bytes still lies behind them: then the reading goes on until EAGAIN, as
 * it always does with `--until eagain`.
 *
 * What the original got wrong: it registered its listener edge-triggered and accepted from it once, so that of two
 * clients that come together one waits for a third; it compared events with `==` to EPOLLIN, so that a hang-up, which
 * comes with other bits, was never seen and span for ever; and what `send` did not take was lost.
 */
import { errorCode, succeeded, systemError } from '../error.js';
import { SignalPipe } from '../signal-pipe.js';
import * as sys from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { Connection, type Outcome } from './support/connection.js';
import { Listener } from './support/listener.js';
import { Operator } from './support/operator.js';
import { insist } from './support/shortage.js';

const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLET, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, EpollEvents } = sys;

/** How often a busy client is served before the others have their turn. */
const TURNS = 16;

/** Told of no more than these, a client has nothing behind the bytes that can be read. */
const PLAIN = EPOLLIN | EPOLLOUT;

const NOBODY: readonly Connection[] = [];

export interface EpollEchoOptions extends ServeOptions {
  trigger: 'level' | 'edge';
  until: 'short' | 'eagain';
}

function serve(options: EpollEchoOptions): void {
  const operator = new Operator(options.quiet);
  const edge = options.trigger === 'edge';
  const trusting = options.until === 'short';
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new Listener('epoll-echo', options, operator);
  const epfd = succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC));
  const events = new EpollEvents(1024);
  /** Each at its descriptor's number: the kernel gives away the lowest that is free. */
  const clients: (Connection | undefined)[] = [];
  /** Edge-triggered: who was cut short, and will not be told of again. */
  const unfinished = new Set<Connection>();
  let moreAtTheDoor = false;

  const control = (op: number, fd: number, mask: number): void => {
    insist(() => sys.epoll_ctl(epfd, op, fd, mask));
  };
  control(EPOLL_CTL_ADD, signals.fd, EPOLLIN);
  control(EPOLL_CTL_ADD, listener.fd, edge ? EPOLLIN | EPOLLET : EPOLLIN);

  const welcome = (fd: number, peer: string): void => {
    // On an edge nothing is ever changed again: both directions are told, each when it changes.
    const mask = edge ? EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET : EPOLLIN;
    const result = sys.epoll_ctl(epfd, EPOLL_CTL_ADD, fd, mask);
    if (result < 0) listener.refuse(fd, `no room: ${errorCode(result)}`);
    else clients[fd] = new Connection(fd, peer, operator);
  };

  const serveLevel = (client: Connection, told: number): void => {
    const outcome = client.serve();
    // Closing has taken the descriptor out of the set.
    if (outcome === 'gone') depart(client);
    else if (outcome === 'blocked' && told & EPOLLIN) control(EPOLL_CTL_MOD, client.fd, EPOLLOUT);
    else if (outcome !== 'blocked' && told & EPOLLOUT) control(EPOLL_CTL_MOD, client.fd, EPOLLIN);
  };

  const serveEdge = (client: Connection, plain: boolean): void => {
    let outcome: Outcome = 'served';
    for (let i = 0; i < TURNS && outcome === 'served'; i++) outcome = client.serve(plain);
    if (outcome === 'gone') depart(client);
    else if (outcome === 'served' || client.untold) unfinished.add(client);
  };

  const depart = (client: Connection): void => {
    clients[client.fd] = undefined;
    if (listener.shut) moreAtTheDoor = true;
  };

  const admit = (): void => {
    moreAtTheDoor = !listener.admit(welcome) && edge;
    // A level-triggered listener that cannot accept would be told again and again.
    if (!edge) control(EPOLL_CTL_MOD, listener.fd, listener.shut ? 0 : EPOLLIN);
  };

  for (;;) {
    const timeout = moreAtTheDoor || unfinished.size > 0 ? 0 : listener.timeout;
    const count = sys.epoll_wait(epfd, events, events.capacity, timeout);
    if (count === -sys.EINTR) continue;
    if (count < 0) throw systemError('epoll_wait', count);
    const waiting = unfinished.size > 0 ? [...unfinished] : NOBODY;
    if (waiting !== NOBODY) unfinished.clear();

    let stop = false;
    let knocked = moreAtTheDoor || listener.overdue;
    for (let i = 0; i < count; i++) {
      const fd = events.fd(i);
      const client = clients[fd];
      if (client !== undefined) {
        const told = events.events(i);
        if (edge) serveEdge(client, trusting && (told & ~PLAIN) === 0);
        else serveLevel(client, told);
      } else if (fd === listener.fd) knocked = true;
      else if (fd === signals.fd) stop = true;
    }
    if (stop) break;
    // What these were told of last is not known any more.
    for (const client of waiting) if (clients[client.fd] === client) serveEdge(client, false);
    // Newcomers last: one of them may get the number of somebody who has just left.
    if (knocked) admit();
  }

  for (const client of clients) client?.close();
  listener.close();
  operator.close();
  sys.close(epfd);
}

export const epollEcho: Program<EpollEchoOptions> = {
  name: 'epoll-echo',
  document: '000',
  summary: 'an echo server over epoll(7), edge-triggered; says who came, what came, who left',
  port: 7788,
  scales: true,
  options: [
    {
      flags: '--trigger <mode>',
      description: 'tell what is ready again and again (level), or each change once (edge)',
      choices: ['level', 'edge'],
      default: 'edge',
    },
    {
      flags: '--until <sign>',
      description: 'edge: a client is read until a read comes back short, or until EAGAIN, one call later',
      choices: ['short', 'eagain'],
      default: 'short',
    },
  ],
  serve,
};
