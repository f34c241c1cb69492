/** The servers that faults are tried on: fdmux's own, as users start them. */
import { inPackage } from '../measure/places.js';
import type { Target } from './fault.js';

/** Below select's 1024 descriptors, with room for the server's own. */
const SELECT_MOST = 900;

/** @param args beyond the port, which is a free one */
export function serving(name: string, program: string, ...args: string[]): Target {
  const main = inPackage('dist/src/cli/main.js');
  const words = [main, 'serve', program, '--port', '0', ...args];
  return { name, command: [process.execPath, ...words], ...(program === 'select-echo' && { most: SELECT_MOST }) };
}

export const edge: Target = serving('epoll-echo edge', 'epoll-echo', '--quiet', '--trigger', 'edge');
export const level: Target = serving('epoll-echo level', 'epoll-echo', '--quiet', '--trigger', 'level');
export const poll: Target = serving('poll-echo', 'poll-echo', '--quiet');
export const select: Target = serving('select-echo', 'select-echo', '--quiet');
export const selectors: Target = serving('selectors-echo', 'selectors-echo', '--quiet');
export const workers: Target = serving('epoll-echo, 2 workers', 'epoll-echo', '--quiet', '--workers', '2');

export const echoServers: readonly Target[] = [edge, level, poll, select, selectors];
