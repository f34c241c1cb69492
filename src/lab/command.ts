/** What `fdmux lab` does, apart from the command line. */
import type { Experiment, Outcome } from './harness.js';
import { run } from './harness.js';
import type { Report } from './report.js';

/** How it is to be told. */
export interface Telling {
  report: Report;
  /** As JSON, and not for the eye. */
  json: boolean;
  print: (text: string) => unknown;
}

function printJson({ print }: Telling, value: unknown): void {
  print(`${JSON.stringify(value, null, 2)}\n`);
}

/** Says which experiments there are. */
export function list(experiments: readonly Experiment[], telling: Telling): void {
  const { report, json, print } = telling;
  const all = experiments.map(({ name, group, question, background }) => ({ name, group, question, background }));
  if (json) printJson(telling, all);
  else print(report.list(experiments));
}

/** Runs one, and shows each step of it. @returns the exit code: 1 when this kernel behaves otherwise */
export async function runOne(experiment: Experiment, telling: Telling): Promise<number> {
  const { report, json, print } = telling;
  // Before it runs: who waits sees for what.
  if (!json) print(report.question(experiment));
  const outcome = await run(experiment);
  if (json) printJson(telling, outcome);
  else print(`${report.steps(outcome)}\n${report.verdict(outcome)}\n${report.source(outcome)}`);
  return exitCode([outcome]);
}

/** Runs all; shows of each the question and the answer, and the steps of one that went otherwise. @returns the exit code */
export async function runAll(experiments: readonly Experiment[], telling: Telling): Promise<number> {
  const { report, json, print } = telling;
  const outcomes: Outcome[] = [];
  for (const experiment of experiments) {
    if (!json) print(report.question(experiment));
    const outcome = await run(experiment);
    outcomes.push(outcome);
    if (json) continue;
    if (outcome.verdict === 'otherwise') print(`${report.steps(outcome)}\n`);
    print(`${report.verdict(outcome)}\n`);
  }
  if (json) printJson(telling, outcomes);
  else print(report.table(outcomes));
  return exitCode(outcomes);
}

function exitCode(outcomes: readonly Outcome[]): number {
  return outcomes.some(({ verdict }) => verdict === 'otherwise') ? 1 : 0;
}
