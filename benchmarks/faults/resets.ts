/** Clients that reset in the middle of a word, before they were accepted, while they are owed something. */
import type { Fault } from './fault.js';
import { echoServers, workers } from './targets.js';
import { tallyOf, trial } from './trial.js';

const CONNECTIONS = 300;
const PERCENT = 40;
const SECONDS = { full: 15, short: 1 };

export const resets: Fault = {
  name: 'resets',
  summary: `of ${CONNECTIONS} clients at any time ${PERCENT} in a hundred reset somewhere in the middle (SO_LINGER 0)`,
  targets: ({ short }) => (short ? echoServers : [...echoServers, workers]),
  async run(target, context) {
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    return [
      await trial(this, target, context, {}, async (subject) => {
        const load = { connections: CONNECTIONS, seconds, most: 1 << 20, resets: PERCENT, halfCloses: 20 };
        const result = await subject.unruly(load);
        const problems = result.reset === 0 ? ['nobody reset'] : [];
        return tallyOf(result, `${result.reset} resets`, problems);
      }),
    ];
  },
};
