/**
 * An echo server over selectors: document 001.
 *
 * What is to be called when a descriptor is ready, `accept`, `read` or `write`, is registered with it and comes back in
 * `key.data`: the loop at the end knows neither listener nor clients, it calls. Underneath is epoll, or the best the
 * system has. The operator sees who comes, what comes and who leaves.
 *
 * What the original got wrong: its sockets were non-blocking and it sent with `sendall`, hoping that there is room: when there is
 * not, `sendall` fails after it has sent a part, and the rest is lost with the server. Here a client that is owed something
 * is waited for with EVENT_WRITE, and not read from.
 */
import type { Descriptor } from '../descriptor.js';
import type { SystemError } from '../error.js';
import { DefaultSelector, EVENT_READ, EVENT_WRITE } from '../selectors/index.js';
import { SignalPipe } from '../signal-pipe.js';
import type { Program, ServeOptions } from './program.js';
import { Connection, type Outcome } from './support/connection.js';
import { Listener } from './support/listener.js';
import { Operator } from './support/operator.js';
import { insistOn } from './support/shortage.js';

type Callback = (fileobj: Descriptor) => void;

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new Listener('selectors-echo', options, operator);
  using selector = new DefaultSelector<Callback>();
  const clients = new Set<Connection>();
  let stopped = false;

  /** The selector hands a callback the very object that it was registered with. */
  const on = <F extends Descriptor>(fileobj: F, events: number, callback: (fileobj: F) => void): void => {
    insistOn(() => {
      if (selector.getMap().has(fileobj)) selector.modify(fileobj, events, callback as Callback);
      else selector.register(fileobj, events, callback as Callback);
    });
  };

  const accept = (door: Listener): void => {
    door.admit((fd, peer) => {
      const client = new Connection(fd, peer, operator);
      try {
        selector.register(client, EVENT_READ, read as Callback);
        clients.add(client);
      } catch (error) {
        // epoll has a limit of its own: fs.epoll.max_user_watches.
        const reason = `no room: ${(error as SystemError).code}`;
        operator.left(peer, reason);
        door.refuse(fd, reason);
      }
    });
    // A listener that cannot accept stays readable: select would return at once, again and again. It is never writable.
    on(door, door.shut ? EVENT_WRITE : EVENT_READ, accept);
  };

  const read = (client: Connection): void => settle(client, client.serve());
  const write = (client: Connection): void => settle(client, client.serve());

  const settle = (client: Connection, outcome: Outcome): void => {
    if (outcome === 'gone') {
      clients.delete(client);
      selector.unregister(client);
      // Somebody who leaves makes room for somebody at the door.
      on(listener, EVENT_READ, accept);
    } else if (outcome === 'blocked') {
      on(client, EVENT_WRITE, write);
    } else if (selector.getKey(client).events === EVENT_WRITE) {
      on(client, EVENT_READ, read);
    }
  };

  const stop = (): void => {
    stopped = true;
  };

  on(signals, EVENT_READ, stop);
  on(listener, EVENT_READ, accept);
  while (!stopped) {
    const ready = selector.select(listener.shut ? listener.timeout : null);
    if (listener.overdue) accept(listener);
    for (const [key] of ready) key.data(key.fileobj);
  }

  for (const client of clients) client.close();
  listener.close();
  operator.close();
}

export const selectorsEcho: Program = {
  name: 'selectors-echo',
  document: '001',
  summary: 'an echo server over DefaultSelector; what to call travels in key.data',
  port: 1234,
  scales: true,
  serve,
};
