/** Hosts, ports and numbers as people write them. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { InetAddress } from '../sys/index.js';

/** @throws InvalidArgumentError for what is no port */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65535) return port;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

/** @throws InvalidArgumentError for what is no count */
export function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1) return count;
  throw new InvalidArgumentError('It must be a whole number from 1 up.');
}

/** @throws InvalidArgumentError for what is no descriptor that one inherits */
export function parseDescriptor(text: string): number {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (fd > 2) return fd;
  throw new InvalidArgumentError('It must be a descriptor from 3 up: 0, 1 and 2 are standard input and output.');
}

const MOST_WORKERS = 256;

/** @throws InvalidArgumentError for what is no number of threads */
export function parseWorkers(text: string): number {
  const count = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= 1 && count <= MOST_WORKERS) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MOST_WORKERS}.`);
}

/** @throws InvalidArgumentError for what is no time */
export function parseSeconds(text: string): number {
  const seconds = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds above 0, such as 4 or 0.5.');
}

/** Splits `HOST:PORT`, `[::1]:PORT`. @throws InvalidArgumentError for anything else */
export function parseHostPort(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected HOST:PORT, such as 127.0.0.1:7788 or [::1]:7788.');
  return { host: (match[1] ?? match[2]) as string, port: parsePort(match[3] as string) };
}

/** A host's address in numbers. @throws Error for a name that nobody knows */
export async function resolveHost(host: string): Promise<Pick<InetAddress, 'family' | 'address'>> {
  const known = isIP(host);
  if (known !== 0) return { family: known === 6 ? 'IPv6' : 'IPv4', address: host };
  try {
    // Node.js resolves no name at all to no address at all.
    if (host === '') throw new Error();
    const { address, family } = await lookup(host);
    return { family: family === 6 ? 'IPv6' : 'IPv4', address };
  } catch {
    throw new Error(`no such host: ${host || "''"}`);
  }
}
