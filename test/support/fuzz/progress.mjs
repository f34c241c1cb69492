// What a run is doing, left where it can be read when the process has died or hangs.
import { openSync, writeSync } from 'node:fs';

/** What the one who started it asks for: { seed, runs, seconds, only, path, progress, say }. */
export const asked = JSON.parse(process.argv[2] ?? '{}');

const fd = asked.progress === undefined ? -1 : openSync(asked.progress, 'w');
const line = Buffer.alloc(4096);

/** @param what told before each try; the values themselves only when it is asked to `say` them: that takes its time */
export function trying(name, run, values) {
  if (fd === -1) return;
  line.fill(32);
  line.write(`${name} seed ${asked.seed} run ${run}${asked.say ? `: ${values()}` : ''}`, 0, 4095);
  writeSync(fd, line, 0, asked.say ? 4096 : 200, 0);
}

/** Whether a property is asked for. */
export const wanted = (name) => asked.only === undefined || name.includes(asked.only);

/** How fast-check is to go about it. */
export const parameters = (runs) => ({
  seed: asked.seed,
  numRuns: asked.runs ?? runs,
  ...(asked.path === undefined ? {} : { path: asked.path, endOnFailure: true }),
});

export function report(results) {
  process.stdout.write(`${JSON.stringify(results)}\n`, () => process.exit(0));
}
