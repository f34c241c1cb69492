/** The echo servers: fdmux's own, and what they are measured against. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { besides, cProgram, inPackage, isMissing, type Missing } from '../measure/places.js';

export type Trigger = 'edge' | 'level';

export interface EchoServer {
  name: string;
  /** Which C server it is compared with. What is neither has level-triggered manners: it is told again. */
  trigger: Trigger;
  /** Whether the targets are its. */
  own: boolean;
  /** How it is started; it prints `… listening on HOST:PORT` when it accepts. */
  command: readonly [string, ...string[]] | Missing;
}

export const C_SERVER: Readonly<Record<Trigger, string>> = { edge: 'C epoll edge', level: 'C epoll level' };
export const NODE_NET = 'node:net';

function program(name: string, ...args: string[]): EchoServer['command'] {
  const main = besides(import.meta.url, '../../src/cli/main.js');
  if (!existsSync(main)) return { missing: 'not built: npm run build' };
  return [process.execPath, main, 'serve', name, '--port', '0', '--quiet', ...args];
}

function c(trigger: Trigger, threads: number): EchoServer {
  const path = cProgram('echo');
  const command = isMissing(path) ? path : ([path, trigger, '0', String(threads)] as const);
  return { name: C_SERVER[trigger], trigger, own: false, command };
}

function python(): EchoServer['command'] {
  if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) return { missing: 'there is no python3' };
  return ['python3', inPackage('benchmarks/rivals/python-echo.py')];
}

/** @param threads how many idle threads the C servers have beside the one that serves */
export function echoServers(threads: number): EchoServer[] {
  const own = (name: string, trigger: Trigger, command: EchoServer['command']): EchoServer => ({
    ...{ name, trigger, command },
    own: true,
  });
  return [
    own('epoll-echo edge', 'edge', program('epoll-echo', '--trigger', 'edge')),
    own('epoll-echo level', 'level', program('epoll-echo', '--trigger', 'level')),
    own('poll-echo', 'level', program('poll-echo')),
    own('select-echo', 'level', program('select-echo')),
    c('edge', threads),
    c('level', threads),
    {
      ...{ name: NODE_NET, trigger: 'level', own: false },
      command: [process.execPath, besides(import.meta.url, './node-net-echo.js')],
    },
    { name: 'python epoll', trigger: 'level', own: false, command: python() },
  ];
}
