/** `fdmux serve PROGRAM`. */
import { type Command, Option } from 'commander';
import { programs } from '../programs/index.js';
import type { Program, ProgramOption, ServeOptions } from '../programs/program.js';
import { chooseInherited } from '../programs/support/inherited.js';
import { SOMAXCONN } from '../sys/index.js';
import { parseCount, parseDescriptor, parsePort, parseSeconds, parseWorkers, resolveHost } from './address.js';

export function addServe(fdmux: Command): void {
  const serve = fdmux.command('serve').description('run one of the servers').usage('PROGRAM [options]');
  const { outputError } = serve.configureOutput();
  serve.helpCommand(false).configureOutput({
    outputError: (text, write) => {
      const name = /unknown command '(.*?)'/.exec(text)?.[1];
      const known = programs.map((program) => program.name).join(', ');
      if (name === undefined) outputError?.(text, write);
      else write(`fdmux: unknown program '${name}': it is none of ${known}\n`);
    },
  });
  for (const program of programs) addProgram(serve, program);
}

function addProgram(serve: Command, program: Program<never>): void {
  const command = serve
    .command(program.name)
    .summary(`${program.summary} (document ${program.document})`)
    .description(`${program.name}: ${program.summary} (document ${program.document})`)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--port <number>', 'the port; 0 takes a free one', parsePort, program.port)
    .option('--backlog <count>', 'how many connections may wait to be accepted', parseCount, SOMAXCONN)
    .option('--fd <number>', 'listen on a socket that was inherited as this descriptor', parseDescriptor)
    .option('--quiet', 'say that it listens, and no more', false);
  if (program.scales) {
    command.option('--workers <count>', 'how many threads serve, each with a listener of its own', parseWorkers, 1);
  }
  for (const option of program.options ?? []) command.addOption(toOption(option));
  command.action(async ({ workers = 1, ...options }: ServeOptions & { workers?: number }) => {
    const fd = chooseInherited(options.fd, process.env, process.pid);
    for (const name of ['host', 'port', 'backlog']) {
      if (fd === undefined || command.getOptionValueSource(name) !== 'cli') continue;
      return command.error(`--${name} is for a listener of our own: descriptor ${fd} listens already`);
    }
    // What this process was told is not for those that it starts.
    for (const name of ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES']) delete process.env[name];
    const host = (await resolveHost(options.host)).address;
    const filled = { ...options, host, fd };
    // The command has filled in what the program asks for.
    if (workers === 1) program.serve(filled as never);
    else await (await import('../programs/support/workers.js')).serveByWorkers(program.name, filled, workers);
  });
}

function toOption({ flags, description, choices, kind, default: preset }: ProgramOption): Option {
  const option = new Option(flags, description);
  if (choices !== undefined) option.choices(choices);
  if (kind !== undefined) option.argParser(kind === 'count' ? parseCount : parseSeconds);
  return preset === undefined ? option : option.default(preset);
}
