/** What the tests of the event loop share: pairs of sockets, counted descriptors, programs in a process of their own. */
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AF_UNIX, SOCK_STREAM, type Socket, socketpair } from 'fdmux';

export const entry = (name: string) => fileURLToPath(new URL(`../../dist/src/${name}.js`, import.meta.url));

/** What each open descriptor of this process stands for. */
export function descriptors(): string[] {
  const open: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      open.push(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`);
    } catch {
      // The one that readdir itself had open.
    }
  }
  return open.sort();
}

export const byte = Buffer.from('x');

/** Two connected sockets, non-blocking. */
export function pair(type = SOCK_STREAM): [Socket, Socket] {
  const both = socketpair(AF_UNIX, type);
  for (const socket of both) socket.setBlocking(false);
  return both;
}

/** A turn of the loop in which descriptors are looked at. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

/** Runs a module in a process of its own, with the built package as `entry` names it, until it ends. */
export function program(source: string, stdin: 'ignore' | 'pipe' = 'ignore'): Promise<Ended> {
  const head = `import * as fdmux from ${JSON.stringify(entry('index'))};
import { readdirSync, readlinkSync } from 'node:fs';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { once } from 'node:events';
const entry = ${JSON.stringify(entry('index'))};
const link = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } };
const sets = () => readdirSync('/proc/self/fd').filter((fd) => link(fd).includes('[eventpoll]'));
`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', head + source], {
    stdio: [stdin, 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, out, err }));
  });
}
