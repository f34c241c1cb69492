/** `fdmux bench`: measures workload after workload, shows what came of it, and keeps it. */
import { writeFileSync } from 'node:fs';
import { canPin } from './measure/children.js';
import { allowedCpus, describeMachine, machineLine, raiseOpenFiles, threads } from './measure/machine.js';
import { duration, Progress } from './progress.js';
import { checkWritable, FileError, readResult, SCHEMA, VERSION, writeResult } from './report/result.js';
import { workloadText } from './report/terminal.js';
import { rivalVersions } from './rivals/versions.js';
import { runWorkload } from './runner.js';
import type { BenchResult, Cell, Context, Failure, Workload, WorkloadResult } from './workload.js';
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

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

function caseOf({ contestant, params }: Cell | Failure): string {
  const where = Object.entries(params).map(([name, value]) => `${name} ${value}`);
  return [contestant, ...where].filter(Boolean).join(', ');
}

interface Renderers {
  html?: (result: BenchResult) => string;
  svg?: (result: BenchResult) => string;
}

/** The report is large, and loaded only when it is asked for; before anything is measured, so that it does not fail afterwards. */
async function renderers({ html, svg }: BenchOptions): Promise<Renderers> {
  const found: Renderers = {};
  const load = async <Name extends string>(file: string, name: Name) => {
    const path = `./report/${file}.js`;
    try {
      return ((await import(path)) as Record<Name, (result: BenchResult) => string>)[name];
    } catch (error) {
      throw new Error(`the report cannot be made: ${(error as Error).message}`);
    }
  };
  if (html !== undefined) found.html = await load('html', 'renderReport');
  if (svg !== undefined) found.svg = await load('svg', 'renderChart');
  return found;
}

/** Measures what `entries` name. */
async function measure(
  entries: readonly Entry[],
  { quick, runs }: BenchOptions,
  print: (text: string) => void,
): Promise<{ result: BenchResult; code: number }> {
  // Asked first: what is done below adds threads.
  const ownThreads = threads('self');
  raiseOpenFiles();
  const machine = describeMachine();
  const context: Context = { quick, machine, cpus: canPin() ? allowedCpus() : null, threads: ownThreads };
  const { rivals, missing } = rivalVersions();

  const interruption = new AbortController();
  let code = 0;
  const interrupt = (signal: NodeJS.Signals): void => {
    code = SIGNALS[signal as keyof typeof SIGNALS];
    // Whoever asks twice does not want to wait for what has been measured.
    if (interruption.signal.aborted) process.exit(code);
    interruption.abort();
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, interrupt);

  const date = new Date().toISOString();
  const results: WorkloadResult[] = [];
  const progress = new Progress(process.stderr);
  const begin = performance.now();
  const spent = (): number => (performance.now() - begin) / 1000;
  const expected = (rest: readonly Entry[]): number =>
    rest.reduce((sum, { seconds }) => sum + (quick ? seconds.quick : seconds.full) * ((runs + 1) / (RUNS + 1)), 0);
  let failed = false;

  progress.aside(() => print(machineLine(machine)));
  try {
    for (const [at, entry] of entries.entries()) {
      if (interruption.signal.aborted) break;
      const rest = expected(entries.slice(at + 1));
      progress.show(entry.name, spent(), expected([entry]) + rest);
      let workload: Workload;
      let told = -1;
      try {
        workload = await entry.load();
      } catch (error) {
        failed = true;
        progress.say(`fdmux: ${entry.name}: ${(error as Error).message}`);
        continue;
      }
      const result = await runWorkload(workload, context, runs, interruption.signal, {
        measuring(cell, round, left) {
          progress.show(`${entry.name}: ${caseOf(cell)}`, spent(), left + rest);
          if (round === told) return;
          told = round;
          progress.milestone(`${entry.name}: ${round === 0 ? 'warm-up' : `round ${round} of ${runs}`}`, left + rest);
        },
        failed(failure) {
          progress.say(`fdmux: ${entry.name}: ${[caseOf(failure), failure.message].filter(Boolean).join(': ')}`);
        },
      });
      results.push(result);
      failed ||= result.failures.length > 0;
      progress.aside(() => print(workloadText(result)));
    }
  } finally {
    progress.end();
  }
  print(`\n${interruption.signal.aborted ? 'interrupted after' : 'took'} ${duration(spent())}`);
  return {
    code: code || (failed ? 1 : 0),
    result: {
      schema: SCHEMA,
      version: VERSION,
      date,
      machine,
      fdmux: '0.1.0',
      rivals,
      missing,
      options: { workloads: entries.map(({ name }) => name), quick, runs },
      interrupted: interruption.signal.aborted,
      workloads: results,
    },
  };
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
  const render = await renderers(options);
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };

  let result: BenchResult;
  let code = 0;
  if (options.from === undefined) {
    ({ result, code } = await measure(entries, options, print));
  } else {
    const kept = readResult(options.from);
    result = { ...kept, workloads: kept.workloads.filter(({ name }) => entries.some((entry) => entry.name === name)) };
    print(machineLine(result.machine));
    for (const workload of result.workloads) print(workloadText(workload));
  }
  const write = (file: string | undefined, put: (file: string) => void): void => {
    if (file === undefined) return;
    try {
      put(file);
    } catch (error) {
      throw new FileError(`${file} cannot be written: ${(error as Error).message}`);
    }
  };
  write(options.json, (file) => writeResult(file, result));
  write(options.html, (file) => writeFileSync(file, render.html?.(result) ?? ''));
  write(options.svg, (file) => writeFileSync(file, render.svg?.(result) ?? ''));
  return code;
}
