/** `fdmux lab`. */
import type { Command } from 'commander';

interface LabOptions {
  all: boolean;
  json: boolean;
}

export function addLab(fdmux: Command): void {
  const lab: Command = fdmux
    .command('lab')
    .description('experiments on this kernel: what the documents claim, and the traps of the three calls')
    .argument('[experiment]', 'which one; without it, they are listed')
    .option('--all', 'run all, and end with a table', false)
    .option('--json', 'tell it to programs', false)
    .action(async (name: string | undefined, { all, json }: LabOptions) => {
      const { experiments, list, Report, runAll, runOne } = await import('../lab/index.js');
      const { stdout } = process;
      const report = new Report(stdout.columns ?? 0, stdout.isTTY === true && !process.env.NO_COLOR);
      // Whoever reads may have seen enough: `fdmux lab --all | head`.
      stdout.once('error', () => process.exit());
      const telling = { report, json, print: (text: string) => stdout.write(text) };

      if (all && name !== undefined) return lab.error('either an experiment or --all, not both');
      if (all) {
        process.exitCode = await runAll(experiments, telling);
      } else if (name === undefined) {
        list(experiments, telling);
      } else {
        const experiment = experiments.find((known) => known.name === name);
        if (experiment === undefined) return lab.error(`unknown experiment '${name}': fdmux lab lists them`);
        process.exitCode = await runOne(experiment, telling);
      }
    });
}
