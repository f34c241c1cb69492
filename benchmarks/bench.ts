/** `fdmux bench`: measures workload after workload, shows what came of it, and keeps it. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { canPin } from './measure/children.js';
import { describeMachine, raiseOpenFiles, threads } from './measure/machine.js';
import { inPackage } from './measure/places.js';
import { duration, Progress } from './progress.js';
import { compareResults, comparisonText } from './report/compare.js';
import { caseText } from './report/figures.js';
import { checkWritable, readResult, SCHEMA, VERSION, write } from './report/result.js';
import { beginning, columnsOf, targetsText, workloadText } from './report/terminal.js';
import { rivalVersions } from './rivals/versions.js';
import { runWorkload } from './runner.js';
import type { BenchResult, Cell, Context, Failure, WorkloadResult } from './workload.js';
import { type Entry, WORKLOADS } from './workloads/index.js';

export interface BenchOptions {
  quick: boolean;
  /** Rounds after the warm-up. */
  runs: number;
  json?: string;
  html?: string;
  svg?: string;
  compare?: string;
  from?: string;
}

/** Below, a median is little more than a guess. */
export const RUNS = 5;

const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

function nameOf({ contestant, params }: Cell | Failure): string {
  return [contestant, caseText(params)].filter(Boolean).join(', ');
}

interface Renderers {
  html: ((result: BenchResult) => string) | undefined;
  svg: ((result: BenchResult) => string) | undefined;
}

/** The report is large: loaded when it is asked for, and before anything is measured, so that it cannot fail afterwards. */
async function renderers({ html, svg }: BenchOptions): Promise<Renderers> {
  return {
    html: html === undefined ? undefined : (await import('./report/html.js')).renderReport,
    svg: svg === undefined ? undefined : (await import('./report/svg.js')).renderChart,
  };
}

/** What a result says before anything is measured. */
function blank(entries: readonly Entry[], { quick, runs }: BenchOptions): BenchResult {
  const { version } = JSON.parse(readFileSync(inPackage('package.json'), 'utf8')) as { version: string };
  return {
    ...{ schema: SCHEMA, version: VERSION, date: new Date().toISOString(), machine: describeMachine(), fdmux: version },
    ...rivalVersions(),
    options: { workloads: entries.map(({ name }) => name), quick, runs },
    ...{ interrupted: false, workloads: [] },
  };
}

interface Measured {
  readonly result: BenchResult;
  readonly code: number;
}

/**
 * Measures what `entries` name, and prints each as it is done.
 * @returns what came of it, and the exit code
 */
export async function measure(
  entries: readonly Entry[],
  options: BenchOptions,
  print: (text: string) => void,
): Promise<Measured> {
  // Asked first: what is done below adds threads.
  const ownThreads = threads('self');
  const { quick, runs } = options;
  raiseOpenFiles();
  const begun = blank(entries, options);
  const { machine } = begun;
  const context: Context = { quick, machine, cpus: canPin() ? machine.allowedCpus : null, threads: ownThreads };

  const loaded = await Promise.all(entries.map(({ load }) => load()));

  const interruption = new AbortController();
  let code = 0;
  const interrupt = (signal: NodeJS.Signals): void => {
    const number = 128 + constants.signals[signal];
    // Whoever asks twice does not want to wait for what has been measured.
    if (interruption.signal.aborted) process.exit(number);
    code = number;
    interruption.abort();
  };
  // Whoever reads has had enough; the files are still to be written.
  const unread = (): void => {
    code ||= 128 + constants.signals.SIGPIPE;
    interruption.abort();
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  for (const stream of [process.stdout, process.stderr]) stream.once('error', unread).on('error', () => {});

  const workloads: WorkloadResult[] = [];
  const progress = new Progress(process.stderr);
  const columns = columnsOf(process.stdout);
  const start = performance.now();
  const spent = (): number => (performance.now() - start) / 1000;
  const expected = (rest: readonly Entry[]): number =>
    rest.reduce((sum, { seconds }) => sum + (quick ? seconds.quick : seconds.full) * ((runs + 1) / (RUNS + 1)), 0);

  progress.aside(() => print(beginning(begun, columns)));
  try {
    for (const [at, workload] of loaded.entries()) {
      if (interruption.signal.aborted) break;
      const { name } = workload;
      const rest = expected(entries.slice(at + 1));
      progress.show(name, spent(), expected(entries.slice(at)));
      let told = -1;
      const result = await runWorkload(workload, context, runs, interruption.signal, {
        measuring(cell, round, left) {
          progress.show(`${name}: ${nameOf(cell)}`, spent(), left + rest);
          if (round === told) return;
          told = round;
          progress.milestone(`${name}: ${round === 0 ? 'warm-up' : `round ${round} of ${runs}`}`, left + rest);
        },
        failed(failure) {
          progress.say(`fdmux: ${name}: ${[nameOf(failure), failure.message].filter(Boolean).join(': ')}`);
        },
      });
      workloads.push(result);
      progress.aside(() => print(`\n${workloadText(result, columns)}`));
    }
  } finally {
    progress.end();
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
  const interrupted = interruption.signal.aborted;
  print(`\n${interrupted ? 'Interrupted after' : 'Took'} ${duration(spent())}`);
  const failed = workloads.some(({ failures, rows }) => failures.length > 0 || (rows.length === 0 && !interrupted));
  return { code: code || (failed ? 1 : 0), result: { ...begun, interrupted, workloads } };
}

/** A kept result, with the workloads that `entries` name. */
function keep(file: string, entries: readonly Entry[], print: (text: string) => void): BenchResult {
  const kept = readResult(file);
  const workloads = kept.workloads.filter(({ name }) => entries.some((entry) => entry.name === name));
  const columns = columnsOf(process.stdout);
  print(beginning(kept, columns));
  for (const workload of workloads) print(`\n${workloadText(workload, columns)}`);
  return { ...kept, workloads };
}

/**
 * @param names of workloads; none: all of them
 * @returns the exit code: 0, 1 when something was lost or wrong, 128 + the signal that ended it
 * @throws FileError | Error whose message is all that is to be said
 */
export async function bench(names: readonly string[], options: BenchOptions): Promise<number> {
  const entries = WORKLOADS.filter(({ name }) => names.length === 0 || names.includes(name));
  const files = { '--json': options.json, '--html': options.html, '--svg': options.svg };
  for (const [option, file] of Object.entries(files)) if (file !== undefined) checkWritable(option, file);
  const earlier = options.compare === undefined ? undefined : readResult(options.compare);
  const render = await renderers(options);
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };

  const { result, code } =
    options.from === undefined
      ? await measure(entries, options, print)
      : { result: keep(options.from, entries, print), code: 0 };
  // Whatever else may go wrong, what was measured is kept.
  write(options.json, () => `${JSON.stringify(result, null, 2)}\n`);
  if (result.workloads.some(({ targets }) => targets.length > 0)) print(targetsText(result));
  if (earlier !== undefined) {
    print(`\n${comparisonText(compareResults(earlier, result), earlier, columnsOf(process.stdout))}`);
  }
  write(options.html, () => render.html?.(result) ?? '');
  write(options.svg, () => render.svg?.(result) ?? '');
  return code;
}
