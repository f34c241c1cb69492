/** `fdmux connect HOST:PORT`. */
import { isatty } from 'node:tty';
import { Argument, type Command } from 'commander';
import { connect } from '../programs/connect.js';
import { parseHostPort, resolveHost } from './address.js';

export function addConnect(fdmux: Command): void {
  fdmux
    .command('connect')
    .description('talk to a server: each line is sent, what it says is shown; `exit` or end of input ends it')
    .addArgument(new Argument('<host:port>', 'such as 127.0.0.1:7788 or [::1]:7788').argParser(parseHostPort))
    .action(async ({ host, port }: { host: string; port: number }) => {
      const interactive = isatty(0);
      const why = connect({ ...(await resolveHost(host)), port }, interactive);
      process.stderr.write(`${interactive ? '\n' : ''}fdmux: ${why}\n`);
    });
}
