/** Content-Type, by the ending of a file's name. */
import { createRequire } from 'node:module';

let lookup: typeof import('mrmime').lookup | undefined;
const types = new Map<string, string>();

/** @returns `application/octet-stream` for an ending that nobody knows */
export function contentType(path: string): string {
  const ending = path.slice(path.lastIndexOf('.') + 1).toLowerCase();
  const known = types.get(ending);
  if (known !== undefined) return known;
  lookup ??= (createRequire(import.meta.url)('mrmime') as typeof import('mrmime')).lookup;
  const found = lookup(ending);
  if (found === undefined) return 'application/octet-stream';
  const type = found.startsWith('text/') ? `${found}; charset=utf-8` : found;
  types.set(ending, type);
  return type;
}
