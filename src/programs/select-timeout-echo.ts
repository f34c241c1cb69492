/**
 * An echo server that waits half a second at a time: document 002, 9.2.
 *
 * The operator sees `inputs:`, what select is asked about, and `rlist:`, what of it select found ready, at every turn: the
 * first grows with each client and shrinks when one leaves; the second is empty whenever the time is up. The listener stands
 * in the same list as the clients: that it is readable means that somebody waits to be accepted.
 *
 * What the original got wrong: it sent without looking how much the kernel took, so that a client who reads slowly lost
 * the rest; here such a client leaves `inputs` for `outputs` until it has been paid. And a client that reset its connection,
 * or came when there were no descriptors left, ended the server for all.
 */
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import { FD_SETSIZE } from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { Connection } from './support/connection.js';
import { Listener } from './support/listener.js';
import { listed, Operator } from './support/operator.js';

export interface SelectTimeoutEchoOptions extends ServeOptions {
  /** In seconds. */
  timeout: number;
}

function serve(options: SelectTimeoutEchoOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new Listener('select-timeout-echo', options, operator, FD_SETSIZE);
  const inputs = new Set<Listener | Connection>([listener]);
  const outputs = new Set<Connection>();

  const echo = (client: Connection): void => {
    const outcome = client.serve();
    if (outcome === 'gone' || outcome === 'blocked') inputs.delete(client);
    else inputs.add(client);
    if (outcome === 'blocked') outputs.add(client);
    else outputs.delete(client);
    // Somebody who leaves makes room for somebody at the door.
    if (outcome === 'gone') inputs.add(listener);
  };

  const admit = (): void => {
    listener.admit((fd, peer) => inputs.add(new Connection(fd, peer, operator)));
    // A listener that cannot accept stays readable: select would return at once, again and again.
    if (listener.shut) inputs.delete(listener);
    else inputs.add(listener);
  };

  for (;;) {
    if (!operator.quiet) operator.say(`inputs: ${listed(inputs)}`);
    const [rlist, wlist] = select([...inputs, signals], [...outputs], [], options.timeout * 1000);
    if (rlist.includes(signals)) break;
    if (!operator.quiet) operator.say(`rlist:  ${listed(rlist)}`);

    for (const ready of [...rlist, ...wlist]) {
      if (ready instanceof Connection) echo(ready);
    }
    if (rlist.includes(listener) || listener.overdue) admit();
  }

  for (const open of new Set([...inputs, ...outputs, listener, operator])) open.close();
}

export const selectTimeoutEcho: Program<SelectTimeoutEchoOptions> = {
  name: 'select-timeout-echo',
  document: '002, 9.2',
  summary: 'an echo server over select(2) with a timeout; shows inputs and rlist at every turn',
  port: 9999,
  options: [
    {
      flags: '--timeout <seconds>',
      description: 'how long to wait at most at each turn',
      kind: 'seconds',
      default: 0.5,
    },
  ],
  serve,
};
