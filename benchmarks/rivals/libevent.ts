/** libevent, as Debian's libevent-dev brings it: programs over its event loop, which npm run bench:rivals compiles. */
import { existsSync } from 'node:fs';
import { inPackage, type Missing, script } from '../measure/places.js';

/** A program of benchmarks/c/ that is linked with it. */
export function findLibevent(program: 'libevent-echo' | 'libevent-scaling'): { path: string } | Missing {
  const path = inPackage(`benchmarks/rivals/build/${program}`);
  if (existsSync(path)) return { path };
  return { missing: `not compiled: apt-get install libevent-dev && ${script('bench:rivals')}` };
}
