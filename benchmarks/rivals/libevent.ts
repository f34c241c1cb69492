/** libevent, as Debian's libevent-dev brings it: a program over its event loop, which npm run bench:rivals compiles. */
import { existsSync } from 'node:fs';
import { inPackage, type Missing } from '../measure/places.js';

/** The scaling benchmark over libevent. */
export function findLibevent(): { path: string } | Missing {
  const path = inPackage('benchmarks/rivals/build/libevent-scaling');
  if (existsSync(path)) return { path };
  return { missing: 'not compiled: apt-get install libevent-dev && npm run bench:rivals' };
}
