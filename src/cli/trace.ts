/** `fdmux trace`. */
import { statSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import { packageRoot } from '../sys/native.js';
import type { Wishes } from '../trace/command.js';
import type { Target } from '../trace/run.js';

const collect = (value: string, before: readonly string[]): string[] => [...before, value];
const deeper = (_: string, before: number): number => Math.min(before + 1, 3);

function parseList(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

/** @throws InvalidArgumentError for what is no list of descriptors */
function parseDescriptors(text: string): number[] {
  const parts = parseList(text);
  if (parts.every((part) => /^\d{1,9}$/.test(part))) return parts.map(Number);
  throw new InvalidArgumentError('Descriptors are numbers from 0 up, with commas between them.');
}

export function addTrace(fdmux: Command): void {
  // What follows `--` is the target's, and none of the command's own to look at.
  fdmux.enablePositionalOptions();
  const command: Command = fdmux
    .command('trace')
    .description('run a program, an experiment or a script, and show the system calls that it makes through fdmux')
    .usage('[options] TARGET [-- ARGS]')
    .argument('[target]', 'a program (of fdmux serve), an experiment (of fdmux lab), or a file that imports fdmux')
    .argument('[args...]', 'what the target is given')
    .option('--only <calls>', 'only these calls, such as epoll_wait,accept4', parseList)
    .option('--fd <numbers>', 'only calls about these descriptors, such as 7,8', parseDescriptors)
    .option('-o, --output <file>', 'write the text there instead of stderr; here and below, - is stdout')
    .option('-T, --durations', 'say how long each call took', false)
    .option('-r, --relative', 'say how long after the one before each call was made', false)
    .option('-t, --clock', 'say when each call was made; -tt with microseconds, -ttt since 1970', deeper, 0)
    .option('--json <file>', 'write JSON lines')
    .option('--chrome <file>', "write Chrome's trace event format, which Perfetto opens")
    .option('--html <file>', 'draw a timeline, as a page')
    .option('--beside <file>', 'draw this trace of --json’s beside it, on the same page')
    .option('--from <file>', 'run nothing: show a trace that --json has written (two, on one page)', collect, [])
    .action(async (name: string | undefined, args: string[], wishes: Wishes) => {
      const { act, Refused } = await import('../trace/command.js');
      try {
        process.exitCode = await act(name === undefined ? undefined : await findTarget(name, args), wishes);
      } catch (error) {
        if (error instanceof Refused) command.error(error.message);
        throw error;
      }
    });

  async function findTarget(name: string, args: string[]): Promise<Target> {
    const main = fileURLToPath(new URL('dist/src/cli/main.js', packageRoot));
    const named = [name, ...args];
    const { programs } = await import('../programs/index.js');
    if (programs.some((program) => program.name === name)) {
      return { command: named, args: [main, 'serve', ...named], script: undefined };
    }
    const { experiments } = await import('../lab/index.js');
    if (experiments.some((experiment) => experiment.name === name)) {
      return { command: named, args: [main, 'lab', ...named], script: undefined };
    }
    if (!statSync(name, { throwIfNoEntry: false })?.isFile()) {
      command.error(`'${name}' is no program (fdmux serve), no experiment (fdmux lab) and no file`);
    }
    if (/^\.[mc]?ts$/.test(extname(name)) && !('typescript' in process.features && process.features.typescript)) {
      command.error(`Node.js ${process.version} does not run ${name}: from 22.18 on, it runs TypeScript`);
    }
    return { command: named, args: [name, ...args], script: resolve(name) };
  }
}
