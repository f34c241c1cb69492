/** `npm run faults`: tries fault after fault on the real servers, and says in a table what was lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { endChildren } from '../measure/children.js';
import { describeMachine, machineLine, raiseOpenFiles } from '../measure/machine.js';
import { checkWritable, write } from '../report/result.js';
import type { Context, Fault, Row, Skip, Target } from './fault.js';
import { FAULTS } from './faults.js';
import { reportText, totalsOf } from './report.js';

/** Wrong usage, as with most commands of Unix. */
const USAGE = 2;
/** When a run is given up, in milliseconds. */
const LIMIT = { full: 40 * 60_000, short: 5 * 60_000 };
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

interface Options {
  readonly short: boolean;
  readonly skips: boolean;
  readonly json?: string;
  readonly seed: number;
}

function seed(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 1e9) return value;
  throw new InvalidArgumentError('It takes an integer from 0 to 1000000000.');
}

class Interrupted extends Error {
  constructor(readonly code: number) {
    super('interrupted');
  }
}

/** Tries each fault on each of its servers, and adds to `rows` and `skips` what comes of it. */
async function tryAll(
  faults: readonly Fault[],
  context: Context,
  rows: Row[],
  skips: Skip[],
  say: (text: string) => void,
): Promise<void> {
  const jobs: { fault: Fault; target: Target }[] = [];
  for (const fault of faults) {
    const reason = fault.missing?.();
    if (reason === undefined) jobs.push(...fault.targets(context).map((target) => ({ fault, target })));
    else skips.push({ fault: fault.name, reason });
    say(reason === undefined ? `${fault.name}: ${fault.summary}` : `${fault.name}: skipped: ${reason}`);
  }
  const total = jobs.length;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const found = await job.fault.run(job.target, context);
      done++;
      rows.push(...found);
      for (const { fault, server, verdict, seconds } of found) {
        say(`${done}/${total} ${fault}, ${server}: ${verdict} (${seconds.toFixed(1)} s)`);
      }
    }
  };
  // Nothing that is judged is a time: the short form lets one wait while another one works.
  await Promise.all(Array.from({ length: context.short ? 2 : 1 }, work));
  const place = ({ fault }: Row): number => faults.findIndex(({ name }) => fault.startsWith(name));
  rows.sort((a, b) => place(a) - place(b));
}

/** @returns the exit code */
async function run(names: readonly string[], options: Options): Promise<number> {
  if (options.json !== undefined) checkWritable('--json', options.json);
  raiseOpenFiles();
  const machine = describeMachine();
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-faults-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const say = (text: string): void => void process.stderr.write(`${text}\n`);

  let over: (error: Error) => void = () => {};
  const interrupted = new Promise<never>((_, reject) => {
    over = reject;
  });
  interrupted.catch(() => {});
  for (const signal of SIGNALS) {
    // Whoever asks twice does not want to wait for the end of the processes.
    process.on(signal, () => over(new Interrupted(128 + constants.signals[signal])));
    process.once(signal, () => process.once(signal, () => process.exit(128 + constants.signals[signal])));
  }
  const limit = LIMIT[options.short ? 'short' : 'full'];
  setTimeout(() => over(new Error(`given up after ${limit / 60_000} min`)), limit).unref();

  const rows: Row[] = [];
  const skips: Skip[] = [];
  const context = { ...options, folder };
  let code = 0;
  process.stdout.write(`${machineLine(machine)}\nseed ${options.seed}\n\n`);
  try {
    const asked = FAULTS.filter(({ name }) => names.length === 0 || names.includes(name));
    await Promise.race([tryAll(asked, context, rows, skips, say), interrupted]);
  } catch (error) {
    code = error instanceof Interrupted ? error.code : 1;
    say(`faults: ${(error as Error).message}`);
  } finally {
    await endChildren();
  }
  process.stdout.write(`${reportText(rows, skips)}\n`);
  const failed = rows.some(({ verdict }) => verdict !== 'held') || (rows.length === 0 && skips.length === 0);
  code ||= failed || (!options.skips && skips.length > 0) ? 1 : 0;
  const result = { schema: 'fdmux-faults', version: 1, date: new Date().toISOString(), machine };
  write(options.json, () => {
    const { short, seed: chances } = options;
    const all = { ...result, short, seed: chances, complete: code < 128, totals: totalsOf(rows), rows, skips };
    return `${JSON.stringify(all, null, 2)}\n`;
  });
  return code;
}

const NAMES = FAULTS.map(({ name }) => name);

const command: Command = new Command('faults')
  .description('try the servers under load and faults, and say in a table what was lost: nothing may be')
  .argument('[fault...]', `without one, all of them: ${NAMES.join(', ')}`)
  .option('--short', 'less of each, in a minute and a half', false)
  .option('--no-skips', 'a fault that cannot be made here is a failure')
  .option('--seed <number>', "where the clients' chances come from", seed, Date.now() % 100_000)
  .option('--json <file>', 'write the table there')
  .configureOutput({ outputError: (text, write) => write(`faults: ${text.trim().replace(/^error: /, '')}\n`) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE))
  .action(async (names: string[], options: Options) => {
    const unknown = names.find((name) => !NAMES.includes(name));
    if (unknown !== undefined) return command.error(`unknown fault '${unknown}': known are ${NAMES.join(', ')}`);
    try {
      process.exit(await run(names, options));
    } catch (error) {
      process.stderr.write(`faults: ${(error as Error).message}\n`);
      process.exit(1);
    }
  });

await command.parseAsync();
