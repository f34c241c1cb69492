/** `fdmux lab`. */
import type { Command } from 'commander';
import type { Outcome } from '../lab/index.js';

interface LabOptions {
  all?: true;
  json?: true;
}

export function addLab(fdmux: Command): void {
  const lab: Command = fdmux
    .command('lab')
    .description('experiments on this kernel: what the documents claim, and the traps of the three calls')
    .argument('[experiment]', 'which one; without it, they are listed')
    .option('--all', 'run all, and end with a table')
    .option('--json', 'tell it to programs')
    .action(async (name: string | undefined, options: LabOptions) => {
      const { experiments, run } = await import('../lab/index.js');
      const { Report } = await import('../lab/report.js');
      const { stdout } = process;
      const report = new Report(stdout.columns ?? 0, stdout.isTTY === true && !process.env.NO_COLOR);
      const print = (text: string): void => {
        stdout.write(text);
      };
      const json = (value: unknown): void => print(`${JSON.stringify(value, null, 2)}\n`);
      const judge = (outcome: Outcome): void => {
        if (outcome.verdict === 'otherwise') process.exitCode = 1;
      };

      if (options.all) {
        if (name !== undefined) lab.error(`either an experiment or --all, not both`);
        const outcomes: Outcome[] = [];
        for (const experiment of experiments) {
          // Before it runs: who waits sees for what.
          if (!options.json) print(report.question(experiment));
          const outcome = await run(experiment);
          outcomes.push(outcome);
          judge(outcome);
          if (options.json) continue;
          if (outcome.verdict === 'otherwise') print(`${report.steps(outcome)}\n`);
          print(`${report.verdict(outcome)}\n`);
        }
        if (options.json) json(outcomes);
        else print(report.table(outcomes));
      } else if (name !== undefined) {
        const experiment = experiments.find((known) => known.name === name);
        if (experiment === undefined) return lab.error(`unknown experiment '${name}': fdmux lab lists them`);
        if (!options.json) print(report.question(experiment));
        const outcome = await run(experiment);
        judge(outcome);
        if (options.json) return json(outcome);
        print(`${report.steps(outcome)}\n${report.verdict(outcome)}\n${report.source(outcome)}`);
      } else if (options.json) {
        json(experiments.map(({ name, group, question, background }) => ({ name, group, question, background })));
      } else {
        print(report.list(experiments));
      }
    });
}
