/** `fdmux connect HOST:PORT`. */
import { isatty } from 'node:tty';
import { Argument, type Command } from 'commander';
import { connect } from '../programs/connect.js';
import { parseHostPort, parseSeconds, resolveHost } from './address.js';

export function addConnect(fdmux: Command): void {
  fdmux
    .command('connect')
    .description('talk to a server: each line is sent, what it says is shown; `exit` or end of input ends it')
    .addArgument(new Argument('<host:port>', 'such as 127.0.0.1:7788 or [::1]:7788').argParser(parseHostPort))
    .option('--wait <seconds>', 'how long the server may stay silent after the end of piped input', parseSeconds, 5)
    .action(async ({ host, port }: { host: string; port: number }, { wait }: { wait: number }) => {
      const interactive = isatty(0);
      const address = { ...(await resolveHost(host)), port };
      const { why, failed } = connect(address, { interactive, terminal: isatty(1), patience: wait * 1000 });
      process.stderr.write(`${interactive ? '\n' : ''}fdmux: ${why}\n`);
      if (failed) process.exitCode = 1;
    });
}
