/** A server that is stopped and continued while its clients go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.js';
import { echoServers, edge, poll } from './targets.js';
import { tallyOf, trial } from './trial.js';

const CONNECTIONS = 200;
const SECONDS = { full: 15, short: 1.5 };
/** How long it is stopped, and runs in between, in milliseconds. */
const STOPPED = 300;
const RUNNING = 100;

export const stopped: Fault = {
  name: 'stopped',
  summary: `the server is stopped for ${STOPPED} ms and runs for ${RUNNING} ms, again and again, while clients write and half-close`,
  targets: ({ short }) => (short ? [edge, poll] : echoServers),
  async run(target, context) {
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    return [
      await trial(this, target, context, {}, async (subject) => {
        const load = { connections: CONNECTIONS, seconds, most: 1 << 18, halfCloses: 50 };
        let stops = 0;
        let over = false;
        const clients = subject.unruly(load).finally(() => {
          over = true;
        });
        clients.catch(() => {});
        for (const end = performance.now() + seconds * 1000; performance.now() < end && !over; stops++) {
          process.kill(subject.pid, 'SIGSTOP');
          try {
            await sleep(STOPPED);
          } finally {
            process.kill(subject.pid, 'SIGCONT');
          }
          await sleep(RUNNING);
        }
        return tallyOf(await clients, `${stops} stops`);
      }),
    ];
  },
};
