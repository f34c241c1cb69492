/** Where the benchmarks' programs lie. What is not there is said with the command that brings it. */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/sys/native.js';

/** A contestant that cannot take part, and why. */
export interface Missing {
  missing: string;
}

export function isMissing(value: object | string): value is Missing {
  return typeof value === 'object' && 'missing' in value;
}

/** A file of this package, named from its root. */
export function inPackage(path: string): string {
  return fileURLToPath(new URL(path, packageRoot));
}

/** A file beside the running one: its own TypeScript when compiled. */
export function besides(url: string, path: string): string {
  return fileURLToPath(new URL(path, url));
}

/** The command that runs one of the package's scripts, from wherever somebody is. */
export function script(name: string): string {
  const folder = relative(process.cwd(), inPackage('.'));
  return folder === '' ? `npm run ${name}` : `npm run --prefix ${folder} ${name}`;
}

/** A program of benchmarks/c/: as it was compiled here, or as it came with the package. */
export function cProgram(name: string): string | Missing {
  const places = [`build/Release/${name}`, `prebuilds/${process.platform}-${process.arch}/bench/${name}`];
  const found = places.map(inPackage).find(existsSync);
  return found ?? { missing: `not compiled: ${script('bench:programs')}` };
}
