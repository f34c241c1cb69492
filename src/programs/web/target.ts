/** The target of a request line, as a path below the folder that is served. */

export interface Target {
  /** The names, decoded once, each after a slash: `/a b/c.html`, and no slash at the end. `null`: nothing can be there. */
  path: string | null;
  /** It ends with a slash: a folder is meant. */
  folder: boolean;
  /** The query, with its question mark, as it was sent. */
  query: string;
}

const ABSOLUTE = /^https?:\/\/[^/?]+/i;
const WELL_KNOWN = '.well-known';

/**
 * - Each part is decoded by itself and once: `%2e%2e` is `..`, `%252e` is a name with a percent sign, and a slash that
 *   comes out of `%2F` does not cut, but makes a name that no file can have.
 * - A name that begins with a dot is not there. That hides `.git` and `.env`, and it is the whole answer to `.` and `..`:
 *   clients resolve them before they send. `/.well-known/` is the exception that RFC 8615 asks for.
 * @returns undefined for what is no target of a GET
 */
export function parseTarget(raw: string): Target | undefined {
  let text = raw;
  if (!raw.startsWith('/')) {
    // RFC 9112, 3.2.2: a server must take a target in full, although only proxies are sent it.
    const match = ABSOLUTE.exec(raw);
    if (match === null) return undefined;
    text = raw.slice(match[0].length);
    if (!text.startsWith('/')) text = `/${text}`;
  }
  if (text.includes('#')) return undefined;

  const question = text.indexOf('?');
  const query = question < 0 ? '' : text.slice(question);
  const parts = (question < 0 ? text : text.slice(0, question)).split('/');
  const folder = parts[parts.length - 1] === '';
  let path: string | null = '';
  for (const part of parts) {
    if (part === '') continue;
    const name = decode(part);
    if (name === undefined || name.includes('\0')) return undefined;
    const hidden = name.startsWith('.') && !(name === WELL_KNOWN && path === '');
    if (hidden || name.includes('/')) path = null;
    if (path !== null) path += `/${name}`;
  }
  return { path, folder, query };
}

function decode(part: string): string | undefined {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** A path for a Location field: it begins with one slash, whatever was sent, so that it cannot name another host. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
