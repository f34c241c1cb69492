#!/usr/bin/env node
/** The command `fdmux`: reads the arguments, and loads what was asked for. */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { Command, CommanderError } from 'commander';
import { packageRoot } from '../sys/native.js';
import { addBench } from './bench.js';
import { addConnect } from './connect.js';
import { addDemo } from './demo.js';
import { addLab } from './lab.js';
import { addServe } from './serve.js';
import { addTrace } from './trace.js';

/** Wrong usage, as with most commands of Unix. */
const USAGE = 2;

const { version } = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as { version: string };

const fdmux = new Command('fdmux')
  .description('select(2), poll(2) and epoll(7) for Node.js: the classic servers, and the means to measure them')
  .showSuggestionAfterError(true)
  .configureOutput({
    outputError: (text, write) =>
      write(
        `fdmux: ${text
          .trim()
          .replace(/^error: /, '')
          .replaceAll('\n', ' ')}\n`,
      ),
  })
  .exitOverride();

addServe(fdmux);
addConnect(fdmux);
addDemo(fdmux);
addBench(fdmux);
addLab(fdmux);
addTrace(fdmux);
const tellVersion = (command: Command): void => {
  command.version(version);
  command.commands.forEach(tellVersion);
};
tellVersion(fdmux);

function fail(error: Error & { code?: string; syscall?: string }): never {
  // `fdmux demo | head`: whoever reads has had enough, and SIGPIPE would have ended another program.
  if (error.code === 'EPIPE' && error.syscall === 'write') process.exit(128 + constants.signals.SIGPIPE);
  process.stderr.write(`fdmux: ${error.message}\n`);
  process.exit(1);
}

process.on('uncaughtException', fail);
try {
  await fdmux.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE;
  else fail(error instanceof Error ? error : new Error(String(error)));
}
