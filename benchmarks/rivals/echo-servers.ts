/** The echo servers: fdmux's own, their twins in C, and whom else they are measured against. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cProgram, inPackage, isMissing, type Missing } from '../measure/places.js';
import { findEpoll } from './epoll.js';
import { findKoffi } from './koffi.js';
import { findLibevent } from './libevent.js';
import { DEBIAN } from './versions.js';

export interface EchoServer {
  readonly name: string;
  /** How it is started; it prints `… listening on HOST:PORT` when it accepts. */
  readonly command: readonly [string, ...string[]] | Missing;
}

export const OWN = ['select-echo', 'poll-echo', 'epoll-echo level', 'epoll-echo edge'] as const;
export const C = {
  select: 'C select',
  poll: 'C poll',
  level: 'C epoll level',
  edge: 'C epoll edge',
  eagain: 'C epoll edge, until EAGAIN',
} as const;
/** What the call costs that tells an edge there is nothing left, where a short read has told it already. */
export const UNTIL_EAGAIN = 'epoll-echo edge, until EAGAIN';
export const NODE_NET = 'node:net';
export const PYTHON = 'python3 epoll';
export const LIBEVENT = 'libevent';
export const KOFFI = 'koffi epoll';
export const NPM_EPOLL = 'npm epoll';

/** The C twin of each server of fdmux. */
export const TWINS: Readonly<Record<(typeof OWN)[number] | typeof UNTIL_EAGAIN, string>> = {
  'select-echo': C.select,
  'poll-echo': C.poll,
  'epoll-echo level': C.level,
  'epoll-echo edge': C.edge,
  [UNTIL_EAGAIN]: C.eagain,
};

/** Servers are processes, and need what is compiled also where this file itself is not. */
function compiled(path: string): string | Missing {
  const file = inPackage(`dist/${path}`);
  return existsSync(file) ? file : { missing: 'not built: npm run build' };
}

function program(name: string, ...args: string[]): EchoServer['command'] {
  const main = compiled('src/cli/main.js');
  if (isMissing(main)) return main;
  return [process.execPath, main, 'serve', name, '--port', '0', '--quiet', ...args];
}

function c(name: string, ...args: string[]): EchoServer['command'] {
  const path = cProgram(name);
  return isMissing(path) ? path : [path, ...args];
}

function script(name: string, found?: { path: string } | Missing): EchoServer['command'] {
  const file = compiled(`benchmarks/rivals/${name}.js`);
  if (isMissing(file)) return file;
  return found && isMissing(found) ? found : [process.execPath, file];
}

function python(): EchoServer['command'] {
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) return { missing: DEBIAN('python3') };
  return ['python3', inPackage('benchmarks/rivals/python-echo.py')];
}

/** @param threads how many idle threads the C servers have beside the one that serves */
export function echoServers(threads: number): EchoServer[] {
  const idle = String(threads);
  const libevent = findLibevent('libevent-echo');
  return [
    { name: 'select-echo', command: program('select-echo') },
    { name: 'poll-echo', command: program('poll-echo') },
    { name: 'epoll-echo level', command: program('epoll-echo', '--trigger', 'level') },
    { name: 'epoll-echo edge', command: program('epoll-echo', '--trigger', 'edge') },
    { name: UNTIL_EAGAIN, command: program('epoll-echo', '--trigger', 'edge', '--until', 'eagain') },
    { name: C.select, command: c('echo-select', '0', idle) },
    { name: C.poll, command: c('echo-poll', '0', idle) },
    { name: C.level, command: c('echo', 'level', '0', idle) },
    { name: C.edge, command: c('echo', 'edge', '0', idle) },
    { name: C.eagain, command: c('echo', 'eagain', '0', idle) },
    { name: LIBEVENT, command: isMissing(libevent) ? libevent : [libevent.path, '0', idle] },
    { name: NODE_NET, command: script('node-net-echo') },
    { name: PYTHON, command: python() },
    { name: KOFFI, command: script('koffi-echo', findKoffi()) },
    { name: NPM_EPOLL, command: script('epoll-echo', findEpoll()) },
  ];
}
