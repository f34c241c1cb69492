/** From a request to its reply. */
import * as sys from '../../sys/index.js';
import { precondition, range, validators } from './conditions.js';
import type { File, Root } from './files.js';
import { bare, page, type Reply } from './reply.js';
import type { Request } from './request.js';
import { encodePath, parseTarget } from './target.js';
import { contentType } from './types.js';

/**
 * @param now in milliseconds since 1970
 * @returns a reply, with an open file where there is something of it to send
 */
export function answer(request: Request, root: Root, now: number): Reply {
  const target = parseTarget(request.target);
  if (target === undefined) return page(400, 'no path');
  if (target.path === null) return missing(root, 'hidden');

  const path = target.folder ? `${target.path}/index.html` : target.path;
  const found = root.open(path);
  if (found === 'folder') {
    if (target.folder) return missing(root, 'index.html is a folder');
    return page(301, '', `Location: ${encodePath(target.path)}/${target.query}\r\n`);
  }
  if (!('status' in found)) return send(request, path, found, now);
  if (found.status === 404) return missing(root, found.reason === 'ENOENT' ? '' : found.reason);
  return page(found.status, found.reason);
}

function send(request: Request, path: string, file: File, now: number): Reply {
  const state = validators(file.size, file.mtimeNs, now);
  // Kept copies are asked about each time, which costs little: a page changed a moment ago is never shown as it was.
  const common = `Cache-Control: no-cache\r\nETag: ${state.etag}\r\nLast-Modified: ${state.lastModified}\r\n`;
  const condition = precondition(request, state);
  if (condition !== 0) {
    sys.close(file.fd);
    return condition === 304 ? bare(304, common) : page(412);
  }
  const part = request.method === 'GET' ? range(request, file.size, state) : undefined;
  if (part === null) {
    sys.close(file.fd);
    return page(416, '', `Content-Range: bytes */${file.size}\r\n`);
  }
  const { start, end } = part ?? { start: 0, end: file.size };
  const about = `Content-Type: ${contentType(path)}\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${end - start}\r\n`;
  const where = part === undefined ? '' : `Content-Range: bytes ${start}-${end - 1}/${file.size}\r\n`;
  const fields = `${about}${where}Accept-Ranges: bytes\r\n${common}`;
  return { ...bare(part === undefined ? 200 : 206, fields), fd: file.fd, start, end };
}

/** The folder's own page for what is not there, or ours. */
function missing(root: Root, reason: string): Reply {
  const file = root.open('/404.html');
  if (file === 'folder' || 'status' in file) return page(404, reason);
  const fields = `Content-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${file.size}\r\n`;
  return { ...bare(404, fields, reason), fd: file.fd, end: file.size };
}
