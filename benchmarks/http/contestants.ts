/** The HTTP servers: one way to wait each, and what each can be asked. */
import { existsSync } from 'node:fs';
import { besides, type Missing } from '../measure/places.js';
import { SITE } from './page.js';

export interface HttpServer {
  readonly name: string;
  /** How it is started; it prints `… listening on 127.0.0.1:PORT` when it accepts. */
  readonly command: readonly [string, ...string[]] | Missing;
  /** It serves one connection at a time: of several that stay, the others wait for ever. */
  readonly oneAtATime?: boolean;
  /** What a connection costs it before the first answer, in seconds, about: it starts a thread or a process. */
  readonly eachCosts?: number;
}

export const NODE_HTTP = 'node:http';

function script(path: string, ...args: string[]): HttpServer['command'] {
  const file = besides(import.meta.url, path);
  return existsSync(file) ? [process.execPath, file, ...args] : { missing: 'not built: npm run build' };
}

/** In the order of document 004. All but the last two differ in their loop alone. */
export const httpServers: readonly HttpServer[] = [
  { name: 'blocking', command: script('./blocking.js'), oneAtATime: true },
  { name: 'thread', command: script('./thread.js'), eachCosts: 0.06 },
  { name: 'process', command: script('./process.js'), eachCosts: 0.12 },
  { name: 'nonblocking', command: script('./nonblocking.js') },
  { name: 'select', command: script('./select.js') },
  { name: 'poll', command: script('./poll.js') },
  { name: 'epoll level', command: script('./epoll.js', 'level') },
  { name: 'epoll edge', command: script('./epoll.js', 'edge') },
  // It reads the page from its file each time, and says its date, its tag and its type.
  {
    name: 'web',
    command: script('../../src/cli/main.js', 'serve', 'web', '--port', '0', '--quiet', '--root', SITE),
  },
  { name: NODE_HTTP, command: script('../rivals/node-http.js') },
];
