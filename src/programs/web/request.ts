/** Requests, out of bytes that come cut into any pieces: what is wanted, or the status that refuses it. */
import { type Events, Llhttp } from './llhttp.js';

/** The limits of one request. */
export const MAX_TARGET = 8000;
export const MAX_HEADER_BYTES = 16384;
export const MAX_HEADERS = 100;
export const MAX_BODY = 65536;

/** The header fields that the server looks at; the others are read past. */
const FIELDS = [
  'content-length',
  'expect',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
  'transfer-encoding',
] as const;

export type Field = (typeof FIELDS)[number];

const lengths = new Set(FIELDS.map((name) => name.length));
const longest = Math.max(...lengths);
const known: ReadonlySet<string> = new Set(FIELDS);

/** RFC 3986's host and port, as far as it takes to tell a host from a list, a path or nonsense. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[\w.\-~%!$&'()*+,;=]*)(?::\d*)?$/i;
const TOKEN_BYTE = /[\w!#$%&'*+\-.^`|~]/;

/** One request, as far as it has come. */
export class Request {
  method = '';
  target = '';
  /** 10 for HTTP/1.0, 11 for 1.1. */
  version = 11;
  /** Whether the client wants to go on afterwards. */
  keepAlive = false;
  /** Fields sent more than once are joined by `, `. */
  readonly fields: Partial<Record<Field, string>> = {};
}

/** Why a request is not served. After it nothing can be told about where the next one begins: the connection ends. */
export interface Refusal {
  status: number;
  /** For the operator. */
  reason: string;
}

/**
 * Where a parser is.
 * - `between`: nothing of the next request has come
 * - `head`, `body`: a request is coming
 * - `complete`: it has come; reading on begins the next
 */
export type Stage = 'between' | 'head' | 'body' | 'complete';

export class RequestParser implements Events {
  request = new Request();
  refusal: Refusal | null = null;
  stage: Stage = 'between';
  /** The client waits to be told that its body is welcome. */
  awaitsContinue = false;
  readonly #llhttp = new Llhttp();
  #headerBytes = 0;
  #headers = 0;
  #bodyBytes = 0;
  #name = '';
  #nameLength = 0;
  #value = '';
  #inValue = false;

  /**
   * Reads a part of `input()`, and no further than the end of a request.
   * @returns how many bytes were read: all of them, unless the stage is `complete` or there is a refusal
   */
  read(offset: number, length: number): number {
    const { errors } = this.#llhttp;
    if (this.stage === 'complete') this.#next();
    // Empty lines before a request are no request, but a client that sends them wants something.
    if (this.stage === 'between') this.stage = 'head';
    const error = this.#llhttp.execute(this, offset, length);
    if (error === 0) return length;
    const position = this.#llhttp.position;
    if (error === errors.PAUSED) this.#llhttp.resume();
    else this.refusal ??= this.#explain(error, position);
    return position - offset;
  }

  /** Gives its memory back. */
  free(): void {
    this.#llhttp.free();
  }

  #next(): void {
    this.request = new Request();
    this.stage = 'between';
    this.awaitsContinue = false;
    this.#headerBytes = this.#headers = this.#bodyBytes = 0;
    this.#name = this.#value = '';
    this.#nameLength = 0;
    this.#inValue = false;
  }

  #explain(error: number, position: number): Refusal {
    const { errors, reason } = this.#llhttp;
    if (error === errors.INVALID_METHOD) {
      // A method that nobody knows, or no HTTP at all.
      const word = TOKEN_BYTE.test(String.fromCharCode(this.#llhttp.byte(position)));
      return word ? { status: 501, reason: 'unknown method' } : { status: 400, reason };
    }
    if (error === errors.PAUSED_H2_UPGRADE) return { status: 505, reason: 'HTTP/2' };
    // Told apart by the words: a version that does not exist, and a line that does not end after it.
    if (error === errors.INVALID_VERSION && !reason.includes('CRLF')) return { status: 505, reason };
    return { status: 400, reason };
  }

  #refuse(status: number, reason: string): number {
    this.refusal = { status, reason };
    return -1;
  }

  begin(): number {
    return 0;
  }

  url(start: number, end: number): number {
    if (this.request.method === '') this.request.method = this.#llhttp.method;
    if (this.request.target.length + end - start > MAX_TARGET) return this.#refuse(414, 'target too long');
    this.request.target += this.#llhttp.text(start, end);
    return 0;
  }

  headerField(start: number, end: number): number {
    if (this.#inValue) this.#endHeader();
    if (this.#nameLength === 0 && ++this.#headers > MAX_HEADERS) return this.#refuse(431, 'too many header fields');
    this.#nameLength += end - start;
    if (this.#nameLength <= longest) this.#name += this.#llhttp.text(start, end);
    return this.#count(end - start);
  }

  headerValue(start: number, end: number): number {
    if (!this.#inValue) {
      this.#inValue = true;
      this.#name = this.#isLookedAt() ? this.#name.toLowerCase() : '';
    }
    // What follows the body could say anything: it is too late for that.
    if (this.stage === 'head' && known.has(this.#name)) this.#value += this.#llhttp.text(start, end);
    return this.#count(end - start);
  }

  #isLookedAt(): boolean {
    return this.#name.length === this.#nameLength && lengths.has(this.#nameLength);
  }

  #count(bytes: number): number {
    this.#headerBytes += bytes;
    return this.#headerBytes > MAX_HEADER_BYTES ? this.#refuse(431, 'header too large') : 0;
  }

  #endHeader(): void {
    if (this.stage === 'head' && known.has(this.#name)) {
      const { fields } = this.request;
      const name = this.#name as Field;
      const before = fields[name];
      fields[name] = before === undefined ? this.#value : `${before}, ${this.#value}`;
    }
    this.#name = this.#value = '';
    this.#nameLength = 0;
    this.#inValue = false;
  }

  headersComplete(keepAlive: boolean): number {
    if (this.#inValue) this.#endHeader();
    this.stage = 'body';
    const { request } = this;
    const { fields } = request;
    request.version = this.#llhttp.version;
    request.keepAlive = keepAlive;

    if (request.version !== 11 && request.version !== 10) return this.#refuse(505, 'neither HTTP/1.0 nor 1.1');
    if (!HOST.test(fields.host ?? (request.version === 10 ? '' : ' ')))
      return this.#refuse(400, 'no host, or no one host');
    const coding = fields['transfer-encoding'];
    if (coding !== undefined) {
      if (request.version === 10) return this.#refuse(400, 'Transfer-Encoding in HTTP/1.0');
      if (coding.toLowerCase() !== 'chunked') return this.#refuse(501, 'unknown transfer coding');
    }
    // A server that takes nothing has no use for what such a request may bring along.
    if (request.method !== 'GET' && request.method !== 'HEAD') return this.#refuse(405, 'method not allowed');
    if (Number(fields['content-length'] ?? 0) > MAX_BODY) return this.#refuse(413, 'body too large');
    if (fields.expect !== undefined && request.version === 11) {
      if (fields.expect.toLowerCase() !== '100-continue') return this.#refuse(417, 'unknown expectation');
      this.awaitsContinue = true;
    }
    return 0;
  }

  /** A body means nothing to GET and HEAD: it is read past. */
  body(length: number): number {
    this.awaitsContinue = false;
    this.#bodyBytes += length;
    return this.#bodyBytes > MAX_BODY ? this.#refuse(413, 'body too large') : 0;
  }

  complete(): number {
    this.stage = 'complete';
    this.awaitsContinue = false;
    return this.#llhttp.errors.PAUSED as number;
  }
}
