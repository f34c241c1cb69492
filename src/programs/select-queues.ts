/**
 * An echo server in which reading and writing are two things: document 002, 9.3.
 *
 * What is read becomes a message in the queue of its connection; what can be written to is given one message of its queue at a
 * time. The operator sees, at every turn, who is in `inputs` and in `outputs`, and each message as it comes and goes.
 *
 * A socket is in `outputs` only while its queue holds something. A socket with nothing to say can nearly always be written to:
 * if it were asked about, select would return at once, every time, and the server would spin while nobody says a word.
 *
 * All clients are in the third list, too: of exceptional conditions. On TCP there is one that really comes there, a byte sent
 * out of band (MSG_OOB). It is not part of the stream: it is taken with a flag of its own, shown, and, as in the document,
 * its connection is closed.
 *
 * What the original got wrong: a client that sends and never reads made its queue grow without end (here it is not read from
 * while its queue is full); it forgot what `send` did not take of a message; a client that ended its side lost what was still
 * in its queue; and one closed while it was handled in one list was still there in the next.
 */
import { errorCode } from '../error.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import * as sys from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { Listener } from './support/listener.js';
import { excerpt, listed, Operator } from './support/operator.js';

/** The longest message, in bytes, and how many a queue holds: together, what a client can make the server hold. */
const MESSAGE = 4096;
const QUEUE = 16;

class Client {
  readonly queue: Buffer[] = [];
  /** It will send no more. */
  ended = false;

  constructor(
    readonly fd: number,
    readonly peer: string,
  ) {}

  toString(): string {
    return `${this.peer}(${this.fd})`;
  }

  close(): void {
    sys.close(this.fd);
  }
}

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new Listener('select-queues', options, operator, sys.FD_SETSIZE);
  const clients = new Set<Client>();
  const inputs = new Set<Listener | Client>([listener]);
  const outputs = new Set<Client>();
  const buffer = Buffer.allocUnsafeSlow(MESSAGE);

  const welcome = (fd: number, peer: string): void => {
    const client = new Client(fd, peer);
    operator.came(peer);
    clients.add(client);
    inputs.add(client);
  };

  const leave = (client: Client, why?: string): void => {
    clients.delete(client);
    inputs.delete(client);
    outputs.delete(client);
    client.close();
    const unsent = client.queue.length > 0 ? `${client.queue.length} in its queue were not sent` : '';
    operator.left(client.peer, [why, unsent].filter(Boolean).join(', '));
    // Somebody who leaves makes room for somebody at the door.
    inputs.add(listener);
  };

  const read = (client: Client): void => {
    const count = sys.recv(client.fd, buffer);
    if (count > 0) {
      operator.got(client.peer, buffer, count);
      client.queue.push(Buffer.from(buffer.subarray(0, count)));
      outputs.add(client);
      if (client.queue.length < QUEUE) return;
      operator.say(`${client.peer} has a full queue: out of inputs`);
      inputs.delete(client);
    } else if (count === 0 && client.queue.length > 0) {
      client.ended = true;
      inputs.delete(client);
    } else if (count === 0) {
      leave(client);
    } else if (count !== -sys.EAGAIN && count !== -sys.EINTR) {
      leave(client, errorCode(count));
    }
  };

  const write = (client: Client): void => {
    const message = client.queue[0] as Buffer;
    const sent = sys.send(client.fd, message);
    if (sent === -sys.EAGAIN || sent === -sys.EINTR) return;
    if (sent < 0) {
      leave(client, errorCode(sent));
      return;
    }
    if (sent < message.length) client.queue[0] = message.subarray(sent);
    else client.queue.shift();
    if (!operator.quiet) {
      operator.say(`${client.peer} was sent ${excerpt(message, sent)}, ${client.queue.length} left in its queue`);
    }
    if (!client.ended && client.queue.length < QUEUE) inputs.add(client);
    if (client.queue.length > 0) return;
    operator.say(`${client.peer} has an empty queue: out of outputs`);
    outputs.delete(client);
    if (client.ended) leave(client);
  };

  const except = (client: Client): void => {
    const count = sys.recv(client.fd, buffer, 0, 1, sys.MSG_OOB);
    operator.say(`${client.peer} sent out of band ${count < 0 ? errorCode(count) : excerpt(buffer, count)}`);
    // An ordinary read steps over the byte's place in the stream: closing with it there would reset the connection.
    sys.recv(client.fd, buffer);
    leave(client, 'an exceptional condition');
  };

  for (;;) {
    if (!operator.quiet) operator.say(`inputs: ${listed(inputs)}   outputs: ${listed(outputs)}`);
    const timeout = listener.shut ? listener.timeout : null;
    const [readable, writable, exceptional] = select([...inputs, signals], [...outputs], [...clients], timeout);
    if (readable.includes(signals)) break;
    if (!operator.quiet && exceptional.length > 0) operator.say(`exceptional: ${listed(exceptional)}`);

    // Each may leave while it is handled in one list, and must not be touched in the next.
    for (const client of readable) if (client instanceof Client && clients.has(client)) read(client);
    for (const client of writable) if (clients.has(client)) write(client);
    for (const client of exceptional) if (clients.has(client)) except(client);
    if (readable.includes(listener) || listener.overdue) {
      listener.admit(welcome);
      // A listener that cannot accept stays readable: select would return at once, again and again.
      if (listener.shut) inputs.delete(listener);
      else inputs.add(listener);
    }
  }

  for (const open of [...clients, listener, operator]) open.close();
}

export const selectQueues: Program = {
  name: 'select-queues',
  document: '002, 9.3',
  summary:
    'an echo server over select(2) with a queue for each client; shows inputs, outputs and exceptional conditions',
  port: 9999,
  serve,
};
