/** `fdmux bench`. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { BenchOptions } from '../../benchmarks/bench.js';

const MAX_RUNS = 1000;

function runs(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= MAX_RUNS) return value;
  throw new InvalidArgumentError(`It takes an integer from 1 to ${MAX_RUNS}.`);
}

export function addBench(fdmux: Command): void {
  const bench: Command = fdmux
    .command('bench')
    .description('measure select, poll and epoll on this machine, beside C and others')
    .argument('[workload...]', 'calls, scaling, echo, idle, churn, http, delivery, cores; without one, all of them')
    .option('--quick', 'coarser, in less than two minutes', false)
    .option('--runs <n>', 'rounds after the warm-up', runs, 5)
    .option('--json <file>', 'write the result there')
    .option('--html <file>', 'write a report with charts there')
    .option('--svg <file>', 'write a small chart there')
    .option('--compare <file>', 'an earlier result: say which changes exceed the noise')
    .option('--from <file>', 'show a kept result instead of measuring')
    .action(async (names: string[], options: BenchOptions) => {
      const { WORKLOADS } = await import('../../benchmarks/workloads/index.js');
      const known = WORKLOADS.map(({ name }) => name);
      const unknown = names.find((name) => !known.includes(name));
      if (unknown !== undefined) return bench.error(`unknown workload '${unknown}': known are ${known.join(', ')}`);
      for (const name of ['quick', 'runs']) {
        if (options.from !== undefined && bench.getOptionValueSource(name) === 'cli') {
          return bench.error(`--from shows what was measured: it takes no --${name}`);
        }
      }
      const run = await import('../../benchmarks/bench.js');
      process.exit(await run.bench(names, options));
    });
}
