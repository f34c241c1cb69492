/**
 * `npm run fuzz`: the property-based tests of test/hostile for as long as asked, with other values each round.
 *
 *   npm run fuzz -- --seconds 600
 *   npm run fuzz -- --only 'fdmux Socket' --seed 17 [--path 3:0]    one that failed, again
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const text = { type: 'string' };
const { values } = parseArgs({ options: { seconds: { ...text, default: '60' }, seed: text, only: text, path: text } });
if (!(Number(values.seconds) > 0)) throw new Error(`--seconds takes a number above 0, not ${values.seconds}`);
// What is to be seen again needs no more than one round.
if (values.path !== undefined) values.seconds = undefined;
const asked = Object.entries(values).filter(([, value]) => value !== undefined);
const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'process', 'test/hostile'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    ...process.env,
    ...Object.fromEntries(asked.map(([name, value]) => [`FDMUX_FUZZ_${name.toUpperCase()}`, value])),
  },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
