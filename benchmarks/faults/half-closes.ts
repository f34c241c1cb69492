/** Clients that say all they have, and goodbye, before they listen. */
import type { Fault } from './fault.js';
import { echoServers, edge, level } from './targets.js';
import { tallyOf, trial } from './trial.js';

const CONNECTIONS = 200;
const SECONDS = { full: 10, short: 0.7 };

export const halfCloses: Fault = {
  name: 'half-closes',
  summary: 'each client shuts its side down when it has sent all, and must still hear all of it, then the end',
  targets: ({ short }) => (short ? [edge, level] : echoServers),
  async run(target, context) {
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    return [
      await trial(this, target, context, {}, async (subject) => {
        const load = { connections: CONNECTIONS, seconds, most: 1 << 20, halfCloses: 100 };
        const result = await subject.unruly(load);
        return tallyOf(result, `${result.completed} half-closes`);
      }),
    ];
  },
};
