/** Clients that write without end and hardly read, and clients that write a byte at a time. */
import type { Fault } from './fault.js';
import { echoServers } from './targets.js';
import { tallyOf, trial } from './trial.js';

/** Each reader could make a careless server hold megabytes: all of them more than it may take. */
const CLIENTS = {
  full: { connections: 400, slowReaders: 200, slowWriters: 100 },
  short: { connections: 150, slowReaders: 60, slowWriters: 50 },
};
const SECONDS = { full: 20, short: 1 };

export const slow: Fault = {
  name: 'slow-clients',
  summary:
    'clients that write all they can and read 200 kB/s, clients that write 50 bytes a second, others between them',
  targets: () => echoServers,
  async run(target, context) {
    const form = context.short ? 'short' : 'full';
    return [
      await trial(this, target, context, {}, async (subject) => {
        const load = { ...CLIENTS[form], seconds: SECONDS[form], most: 65536, halfCloses: 30 };
        const result = await subject.unruly(load);
        return tallyOf(result, `${load.slowReaders} slow readers, ${load.slowWriters} slow writers`);
      }),
    ];
  },
};
