/**
 * An echo server over selectors that shows what its selector tells: document 003.
 *
 * At each turn the operator sees the selector, and each key that is ready: its descriptor, who that is, what was asked for (events)
 * and what of it came true (mask). A client that does not read what it is owed is seen to change from EVENT_READ to
 * EVENT_WRITE and back. `key.data` is the client, or `null` for the listener.
 *
 * What the original got wrong: a client that broke off, which the network reports as an error of `recv` (ECONNRESET) and not as
 * an end, ended the server for all.
 */
import type { SystemError } from '../error.js';
import { DefaultSelector, EVENT_READ, EVENT_WRITE, type SelectorKey } from '../selectors/index.js';
import { SignalPipe } from '../signal-pipe.js';
import type { Program, ServeOptions } from './program.js';
import { Connection } from './support/connection.js';
import { Listener } from './support/listener.js';
import { Operator } from './support/operator.js';

/** How many ready keys are shown in a turn. */
const SHOWN = 8;

type Key = SelectorKey<Connection | null>;

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new Listener('selectors-server', options, operator);
  using selector = new DefaultSelector<Connection | null>();
  selector.register(signals, EVENT_READ, null);
  selector.register(listener, EVENT_READ, null);

  const show = (ready: [Key, number][]): void => {
    const { name } = selector.constructor;
    operator.say(`${name}: ${selector.getMap().size} registered, ${ready.length} ready`);
    for (const [key, mask] of ready.slice(0, SHOWN)) {
      const who = key.data?.peer ?? (key.fileobj === listener ? 'the listener' : 'a signal');
      operator.say(`  key: fd ${key.fd}, ${who}, events ${named(key.events)}, mask ${named(mask)}`);
    }
    if (ready.length > SHOWN) operator.say(`  and ${ready.length - SHOWN} more`);
  };

  const openDoor = (): void => {
    if (!selector.getMap().has(listener)) selector.register(listener, EVENT_READ, null);
  };

  const admit = (): void => {
    listener.admit((fd, peer) => {
      const client = new Connection(fd, peer, operator);
      try {
        selector.register(client, EVENT_READ, client);
      } catch (error) {
        // epoll has a limit of its own: fs.epoll.max_user_watches.
        client.leave(`no room: ${(error as SystemError).code}`);
      }
    });
    // A listener that cannot accept stays readable: select would return at once, again and again.
    if (!listener.shut) openDoor();
    else if (selector.getMap().has(listener)) selector.unregister(listener);
  };

  const echo = (key: Key, client: Connection): void => {
    const outcome = client.serve();
    if (outcome === 'gone') {
      selector.unregister(client);
      // Somebody who leaves makes room for somebody at the door.
      openDoor();
      return;
    }
    const events = outcome === 'blocked' ? EVENT_WRITE : EVENT_READ;
    if (events !== key.events) selector.modify(client, events);
  };

  for (;;) {
    const ready = selector.select(listener.shut ? listener.timeout : null);
    if (!operator.quiet) show(ready);
    if (ready.some(([key]) => key.fileobj === signals)) break;
    for (const [key] of ready) if (key.data !== null) echo(key, key.data);
    if (listener.overdue || ready.some(([key]) => key.fileobj === listener)) admit();
  }

  for (const { data: client } of selector.getMap().values()) client?.close();
  listener.close();
  operator.close();
}

function named(events: number): string {
  const names = [events & EVENT_READ ? 'EVENT_READ' : '', events & EVENT_WRITE ? 'EVENT_WRITE' : ''];
  return names.filter(Boolean).join('|');
}

export const selectorsServer: Program = {
  name: 'selectors-server',
  document: '003',
  summary: 'an echo server over DefaultSelector; shows the selector, each key and its events at every turn',
  port: 6969,
  serve,
};
