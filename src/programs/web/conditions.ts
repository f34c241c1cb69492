/** What a client has already: RFC 9110's validators, preconditions (13) and ranges (14). */
import type { Request } from './request.js';

/** What tells one state of a file from another. */
export interface Validators {
  etag: string;
  /** In milliseconds since 1970, whole seconds. */
  modified: number;
  lastModified: string;
  /** No change can have gone unseen: only then do parts of a file fit together. */
  strong: boolean;
}

const SECOND = 1_000_000_000n;
const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
/** RFC 9110, 5.6.7: the form that is sent, and the two that must be understood. Date.parse alone takes anything. */
const HTTP_DATE =
  /^(?:[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT|[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})$/;

/**
 * @param now in milliseconds since 1970
 */
export function validators(size: number, mtimeNs: bigint, now: number): Validators {
  const nowNs = BigInt(Math.trunc(now)) * 1_000_000n;
  // The clock of a file system ticks in milliseconds: a second change may hide in the tick of the first.
  const strong = mtimeNs + SECOND < nowNs;
  const tag = `"${size.toString(16)}-${mtimeNs.toString(16)}"`;
  // RFC 9110, 8.8.2.1: a file from the future was changed now.
  const modified = Number((mtimeNs < nowNs ? mtimeNs : nowNs) / SECOND) * 1000;
  return { etag: strong ? tag : `W/${tag}`, modified, lastModified: new Date(modified).toUTCString(), strong };
}

/** @returns 304 or 412, or 0 when the file is to be sent */
export function precondition({ fields }: Request, state: Validators): 0 | 304 | 412 {
  if (fields['if-match'] !== undefined) {
    const weak = !state.strong || !names(fields['if-match'], state.etag);
    if (weak && fields['if-match'] !== '*') return 412;
  } else if (fields['if-unmodified-since'] !== undefined) {
    if (state.modified > parseDate(fields['if-unmodified-since'])) return 412;
  }
  if (fields['if-none-match'] !== undefined) {
    return namesWeakly(fields['if-none-match'], state.etag) ? 304 : 0;
  }
  if (fields['if-modified-since'] !== undefined) {
    if (state.modified <= parseDate(fields['if-modified-since'])) return 304;
  }
  return 0;
}

function names(list: string, etag: string): boolean {
  return list.match(ENTITY_TAG)?.includes(etag) ?? false;
}

function namesWeakly(list: string, etag: string): boolean {
  if (list === '*') return true;
  const opaque = etag.replace('W/', '');
  return list.match(ENTITY_TAG)?.some((tag) => tag.replace('W/', '') === opaque) ?? false;
}

/** @returns milliseconds since 1970, NaN for what is no date: compared with it, everything is false */
function parseDate(text: string): number {
  if (!HTTP_DATE.test(text)) return Number.NaN;
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
}

/** A part of a file: from `start` up to, and without, `end`. */
export interface Part {
  start: number;
  end: number;
}

/** @returns the one part that is asked for; undefined: send it all; null: there is no such part (416) */
export function range({ fields }: Request, size: number, state: Validators): Part | undefined | null {
  const wanted = fields.range;
  if (wanted === undefined) return undefined;
  const condition = fields['if-range'];
  if (condition !== undefined) {
    // Parts of different states must not be put together: without a sure match, the whole.
    if (!state.strong || (condition !== state.etag && condition !== state.lastModified)) return undefined;
  }
  return parseRange(wanted, size);
}

/**
 * One range of bytes. Several at once, other units and nonsense are a question that need not be understood.
 * @returns as `range`
 */
export function parseRange(wanted: string, size: number): Part | undefined | null {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(wanted);
  if (match === null) return undefined;
  const [, first, last] = match as unknown as [string, string, string];
  if (first === '') {
    if (last === '') return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? null : { start: size - length, end: size };
  }
  if (last !== '' && Number(last) < Number(first)) return undefined;
  const start = Number(first);
  if (start >= size) return null;
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) };
}
