/** koffi: C functions called from JavaScript through a foreign function interface. npm run bench:rivals installs it. */
import { createRequire } from 'node:module';
import { inPackage, type Missing, script } from '../measure/places.js';

/** A C function, as koffi makes it. */
export type CFunction = (...values: (number | Uint8Array | null)[]) => number;

interface Koffi {
  version: string;
  load(path: string | null): { func(definition: string): CFunction };
}

/** Rivals are no dependencies: they lie in a folder of their own, beside the TypeScript that uses them. */
const require = createRequire(inPackage('benchmarks/rivals/package.json'));

export function findKoffi(): { path: string } | Missing {
  try {
    return { path: require.resolve('koffi') };
  } catch {
    return { missing: `not installed: ${script('bench:rivals')}` };
  }
}

export function loadKoffi(): Koffi {
  return require('koffi') as Koffi;
}
