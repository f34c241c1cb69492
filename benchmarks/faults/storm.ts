/** Thousands of clients that come in the same moment, wave after wave, to a server whose queue of newcomers is short. */
import type { Fault } from './fault.js';
import { makeNamespace, noNamespace, runWithin, within } from './namespace.js';
import { echoServers, edge, poll, select } from './targets.js';
import { tallyOf, trial } from './trial.js';

const AT_ONCE = { full: 4000, short: 2000 };
const SECONDS = { full: 10, short: 1 };
/** How many the kernel lets wait: it drops the others' packets, and they knock again a second later. */
const BACKLOG = 256;
const GROWTH = 96 * 1024 * 1024;

/** How often somebody found the queue full, as the kernel of a namespace counts. */
function overflows(netstat: string): number {
  const [names = [], values = []] = netstat
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('ListenOverflows')] ?? 0);
}

export const storm: Fault = {
  name: 'storm',
  summary: `${AT_ONCE.full} clients (short: ${AT_ONCE.short}) connect at the same time, wave after wave; the server's backlog is ${BACKLOG}`,
  targets: ({ short }) => (short ? [edge, poll, select] : echoServers),
  missing: noNamespace,
  async run(target, context) {
    const form = context.short ? 'short' : 'full';
    const connections = Math.min(AT_ONCE[form], target.most ?? AT_ONCE[form]);
    const seconds = SECONDS[form];
    // A SYN cookie that fails, as some do, is a connection that the kernel forgets and its client waits for.
    const namespace = await makeNamespace('echo 0 >/proc/sys/net/ipv4/tcp_syncookies');
    try {
      const inside = within(namespace);
      const args = ['--backlog', String(BACKLOG)];
      const options = { growth: GROWTH, args, within: inside, clientsWithin: inside };
      return [
        await trial(this, target, context, options, async (subject) => {
          const result = await subject.unruly({ connections, seconds, most: 512, waves: true });
          const full = overflows(runWithin(namespace, 'cat', '/proc/net/netstat'));
          return tallyOf(result, `${result.opened / connections} × ${connections} at once, backlog full ${full} times`);
        }),
      ];
    } finally {
      await namespace.end();
    }
  },
};
