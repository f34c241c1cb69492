/** What is sent back: a status, header fields, and a short text or a part of a file. */

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  206: 'Partial Content',
  301: 'Moved Permanently',
  304: 'Not Modified',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'HTTP Version Not Supported',
};

/** What the person behind the client may want to know. */
const ADVICE: Readonly<Record<number, string>> = {
  301: 'It is a folder: its address ends with a slash.',
  403: 'The server may not read this file.',
  404: 'There is nothing at this address.',
  405: 'This server only serves files: GET and HEAD.',
  408: 'The request took too long to arrive.',
  503: 'The server is busy. Try again in a moment.',
};

/** Sent as the answer to one request. */
export interface Reply {
  status: number;
  /** The header fields, each with its line end, without Date and Connection. */
  fields: string;
  /** ASCII, after the header. */
  text: string;
  /** Sent after the header, from `start` up to `end`; −1 for none. */
  fd: number;
  start: number;
  end: number;
  /** For the operator, when there is something to say. */
  reason: string;
}

/** A reply with nothing in it. */
export function bare(status: number, fields = '', reason = ''): Reply {
  return { status, fields, text: '', fd: -1, start: 0, end: 0, reason };
}

/** A reply with a page that says what its status means. */
export function page(status: number, reason = '', fields = ''): Reply {
  const title = `${status} ${REASONS[status]}`;
  const text = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>:root{color-scheme:light dark}body{font:1.1em/1.5 system-ui,sans-serif;max-width:32em;margin:15vh auto;padding:0 1em}</style>
<h1>${title}</h1>
<p>${ADVICE[status] ?? 'The server did not do what this request asks for.'}</p>
</html>
`;
  const more = status === 405 ? 'Allow: GET, HEAD\r\n' : status === 503 ? 'Retry-After: 1\r\n' : '';
  const type = 'Content-Type: text/html; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n';
  return { ...bare(status, `${type}Content-Length: ${text.length}\r\n${more}${fields}`, reason), text };
}

/** The first lines of a response, and the empty one. */
export function head(reply: Reply, date: string, connection: '' | 'close' | 'keep-alive'): string {
  const ending = connection === '' ? '' : `Connection: ${connection}\r\n`;
  return `HTTP/1.1 ${reply.status} ${REASONS[reply.status]}\r\nDate: ${date}\r\n${reply.fields}${ending}\r\n`;
}
