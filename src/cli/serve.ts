/** `fdmux serve PROGRAM`. */
import { type Command, Option } from 'commander';
import { programs } from '../programs/index.js';
import type { Program, ProgramOption, ServeOptions } from '../programs/program.js';
import { SOMAXCONN } from '../sys/index.js';
import { parseCount, parsePort, parseSeconds, resolveHost } from './address.js';

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
    .option('--quiet', 'say that it listens, and no more', false);
  for (const option of program.options ?? []) command.addOption(toOption(option));
  command.action(async (options: ServeOptions) => {
    const host = (await resolveHost(options.host)).address;
    // The command has filled in what the program asks for.
    program.serve({ ...options, host } as never);
  });
}

function toOption({ flags, description, choices, kind, default: preset }: ProgramOption): Option {
  const option = new Option(flags, description);
  if (choices !== undefined) option.choices(choices);
  if (kind !== undefined) option.argParser(kind === 'count' ? parseCount : parseSeconds);
  return preset === undefined ? option : option.default(preset);
}
