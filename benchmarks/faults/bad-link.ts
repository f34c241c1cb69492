/**
 * A bad line between the clients and the server, each in a network namespace of its own. Where the kernel has netem(8), it
 * is a veth pair with netem on both ends; elsewhere c/bad-link.c carries the packets between two TUN devices and does the
 * same to them. Either way the kernel's TCP must send again and sort.
 */
import { existsSync } from 'node:fs';
import { type Child, start } from '../measure/children.js';
import type { Fault } from './fault.js';
import { makeNamespace, noNamespace, runWithin, succeeds, within } from './namespace.js';
import { generator } from './subject.js';
import { edge, level, poll, select } from './targets.js';
import { tallyOf, trial } from './trial.js';

const CONNECTIONS = 100;
const SECONDS = { full: 30, short: 2.5 };
/** One way, as netem has it: milliseconds and percents. */
const DELAY = 20;
const JITTER = 5;
const LOSS = 2;
const REORDER = 25;
/** Of 192.0.2.0/24, which is nobody's (RFC 5737). c/bad-link.c gives the same ones. */
const SERVER = '192.0.2.1';
const CLIENT = '192.0.2.2';

function hasNetem(): boolean {
  return succeeds('unshare', '--net', 'sh', '-c', 'ip link set lo up && tc qdisc add dev lo root netem delay 1ms');
}

/** What became of the packets, in words, and how many were lost. */
interface Damage {
  readonly text: string;
  readonly lost: number;
}

/** @returns what it has done so far */
type Line = () => Promise<Damage>;

function netemLine(server: Child, client: Child): Line {
  runWithin(server, 'ip', 'link', 'add', 'bad0', 'type', 'veth', 'peer', 'name', 'bad0', 'netns', String(client.pid));
  const netem = ['delay', `${DELAY}ms`, `${JITTER}ms`, 'loss', `${LOSS}%`, 'reorder', `${REORDER}%`];
  for (const [end, address] of [[server, SERVER] as const, [client, CLIENT] as const]) {
    runWithin(end, 'ip', 'address', 'add', `${address}/24`, 'dev', 'bad0');
    runWithin(end, 'ip', 'link', 'set', 'bad0', 'up');
    runWithin(end, 'tc', 'qdisc', 'add', 'dev', 'bad0', 'root', 'netem', ...netem);
  }
  return async () => {
    const statistics = [server, client].map((end) => runWithin(end, 'tc', '-s', 'qdisc', 'show', 'dev', 'bad0'));
    const sum = (pattern: RegExp): number =>
      statistics.reduce((total, text) => total + Number(pattern.exec(text)?.[1] ?? 0), 0);
    const lost = sum(/dropped (\d+)/);
    return { lost, text: `netem: ${sum(/(\d+) pkt/)} packets, ${lost} lost` };
  };
}

function startTun(server: Child, client: Child): Child {
  const options = { delay: DELAY, jitter: JITTER, loss: LOSS, reorder: REORDER };
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return start(generator('bad-link'), [String(server.pid), String(client.pid), ...words]);
}

async function tunLine(link: Child): Promise<Line> {
  await link.line();
  return async () => {
    link.say('what now?');
    const { passed, dropped, overtook } = JSON.parse(await link.line()) as Record<string, number>;
    return { lost: dropped ?? 0, text: `${passed} packets, ${dropped} lost, ${overtook} overtook` };
  };
}

export const badLink: Fault = {
  name: 'bad-line',
  summary: `${DELAY} ± ${JITTER} ms of delay, ${LOSS} % of loss, ${REORDER} % out of order between two network namespaces`,
  targets: ({ short }) => (short ? [edge, poll] : [edge, level, poll, select]),
  missing() {
    const reason = noNamespace();
    if (reason !== undefined) return reason;
    if (hasNetem() || existsSync('/dev/net/tun')) return undefined;
    return 'the kernel has neither netem nor TUN devices';
  },
  async run(target, context) {
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    const started: Child[] = [];
    try {
      for (let i = 0; i < 2; i++) started.push(await makeNamespace());
      const [server, client] = started as [Child, Child];
      let line: Line;
      if (hasNetem()) {
        line = netemLine(server, client);
      } else {
        const link = startTun(server, client);
        started.push(link);
        line = await tunLine(link);
      }
      const options = { within: within(server), clientsWithin: within(client), args: ['--host', SERVER] };
      return [
        await trial(this, target, context, options, async (subject) => {
          // No resets: the kernel sends one once, and a server never hears of one that is lost.
          const load = { connections: CONNECTIONS, seconds, most: 65536, halfCloses: 40 };
          const result = await subject.unruly(load);
          const { lost, text } = await line();
          return tallyOf(result, text, lost === 0 ? ['the line lost nothing'] : []);
        }),
      ];
    } finally {
      await Promise.all(started.map((child) => child.end()));
    }
  },
};
