/**
 * What level-triggered means, and edge-triggered: document 003.
 *
 * The server waits for its listener, 5 s at a time, and never accepts. When a client comes, the listener is readable, and since
 * nobody takes the client away it stays so: select says it again at once, as often as it is asked. The operator sees the first
 * few times, and then how many there have been, once a second: a server that does not do what it is told spins, and takes a whole
 * processor. With `--trigger edge` the same listener stands in an epoll set with EPOLLET: it is told once for each client that
 * comes, and then there is silence, although they all still wait. While nothing is told, a line says so every 5 s.
 *
 * What the original got wrong: it printed a line at each turn, thousands in a second, in which nobody can read anything.
 */
import { Epoll } from '../epoll.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import { Socket } from '../socket.js';
import { EPOLLET, EPOLLIN } from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { listen } from './support/listener.js';
import { Operator } from './support/operator.js';

/** How many turns are shown one by one, and how often the others are summed up, in milliseconds. */
const SHOWN = 5;
const EVERY = 1000;

export interface LevelTriggeredOptions extends ServeOptions {
  trigger: 'level' | 'edge';
  /** In seconds. */
  timeout: number;
}

function serve(options: LevelTriggeredOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  using listener = Socket.adopt(listen('level-triggered', options, operator));
  using epoll = new Epoll();
  epoll.register(signals, EPOLLIN);
  epoll.register(listener, EPOLLIN | EPOLLET);

  /** One wait. @returns the descriptors that are ready */
  const wait =
    options.trigger === 'edge'
      ? () => epoll.poll(options.timeout * 1000).map(([fd]) => fd)
      : () => select([signals.fd, listener.fd], [], [], options.timeout * 1000)[0];
  const call = options.trigger === 'edge' ? 'epoll, edge-triggered' : 'select';

  let times = 0;
  let said = 0;
  let saidAt = 0;
  for (;;) {
    const ready = wait();
    if (ready.includes(signals.fd)) break;
    if (ready.length === 0) {
      const before = times === 0 ? 'nobody has come' : 'nothing new';
      operator.say(`${call}: ${options.timeout} s have passed: ${before}`);
      continue;
    }
    times++;
    const now = performance.now();
    if (options.trigger === 'level' && times > SHOWN && now < saidAt + EVERY) continue;
    const more = times - said > 1 ? ` (${times - said - 1} times in between)` : '';
    operator.say(`${call}: the listener is readable, for the ${nth(times)} time${more}`);
    said = times;
    saidAt = now;
  }
  operator.close();
}

function nth(n: number): string {
  const ending = Math.floor((n % 100) / 10) === 1 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n.toLocaleString('en')}${ending}`;
}

export const levelTriggered: Program<LevelTriggeredOptions> = {
  name: 'level-triggered',
  document: '003',
  summary: 'accepts nobody, so that select reports the listener again and again; edge-triggered, epoll does so once',
  port: 6969,
  options: [
    {
      flags: '--trigger <mode>',
      description: 'tell what is ready again and again (level: select), or each change once (edge: epoll)',
      choices: ['level', 'edge'],
      default: 'level',
    },
    {
      flags: '--timeout <seconds>',
      description: 'how long to wait at most at each turn',
      kind: 'seconds',
      default: 5,
    },
  ],
  serve,
};
