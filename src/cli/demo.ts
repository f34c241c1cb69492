/** `fdmux demo`. */
import type { Command } from 'commander';

export function addDemo(fdmux: Command): void {
  fdmux
    .command('demo')
    .description('run the select, poll and epoll echo servers side by side and show what each costs')
    .action(async () => {
      const { demo } = await import('../../benchmarks/demo/demo.js');
      if (!(await demo())) process.exitCode = 1;
    });
}
