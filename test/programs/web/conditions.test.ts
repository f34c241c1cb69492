import { describe, expect, test } from 'vitest';
import { parseRange, precondition, range, validators } from '../../../src/programs/web/conditions.js';
import { type Field, Request } from '../../../src/programs/web/request.js';

const now = Date.UTC(2026, 10, 21, 12);
const mtimeNs = BigInt(now - 60_000) * 1_000_000n + 5n;
const state = validators(1000, mtimeNs, now);
const earlier = 'Sat, 21 Nov 2026 11:58:59 GMT';
const later = 'Sat, 21 Nov 2026 11:59:01 GMT';

function request(fields: Partial<Record<Field, string>>): Request {
  const made = new Request();
  Object.assign(made.fields, fields);
  return made;
}

describe('validators', () => {
  test('differ by a nanosecond and by a byte', () => {
    expect(validators(1000, mtimeNs + 1n, now).etag).not.toBe(state.etag);
    expect(validators(1001, mtimeNs, now).etag).not.toBe(state.etag);
    expect(validators(1000, mtimeNs, now + 5000).etag).toBe(state.etag);
  });

  test('are weak as long as a change may hide in the tick of a clock', () => {
    const fresh = validators(1000, BigInt(now - 900) * 1_000_000n, now);
    expect(fresh).toMatchObject({ strong: false, etag: expect.stringMatching(/^W\/"/) });
    expect(validators(1000, BigInt(now - 1100) * 1_000_000n, now).strong).toBe(true);
  });

  test('a file from the future was changed now', () => {
    const ahead = validators(1, BigInt(now + 3_600_000) * 1_000_000n, now);
    expect(ahead.lastModified).toBe('Sat, 21 Nov 2026 12:00:00 GMT');
    expect(ahead.strong).toBe(false);
  });

  test('say the time in whole seconds', () => {
    expect(state.lastModified).toBe('Sat, 21 Nov 2026 11:59:00 GMT');
  });
});

const { etag, lastModified } = state;
const preconditions: [Partial<Record<Field, string>>, 0 | 304 | 412][] = [
  [{}, 0],
  [{ 'if-none-match': etag }, 304],
  [{ 'if-none-match': `W/${etag}` }, 304],
  [{ 'if-none-match': `"x", ${etag} , "y,z"` }, 304],
  [{ 'if-none-match': '*' }, 304],
  [{ 'if-none-match': '"x"' }, 0],
  [{ 'if-none-match': `"x,${etag.slice(1)}` }, 0],
  [{ 'if-none-match': etag.slice(1, -1) }, 0],
  [{ 'if-modified-since': lastModified }, 304],
  [{ 'if-modified-since': later }, 304],
  [{ 'if-modified-since': earlier }, 0],
  [{ 'if-modified-since': 'Saturday, 21-Nov-26 11:59:00 GMT' }, 304],
  [{ 'if-modified-since': 'Sat Nov 21 11:59:00 2026' }, 304],
  [{ 'if-modified-since': 'Sat Nov 21 11:58:59 2026' }, 0],
  [{ 'if-modified-since': 'tomorrow' }, 0],
  [{ 'if-modified-since': '2030' }, 0],
  [{ 'if-none-match': '"x"', 'if-modified-since': later }, 0],
  [{ 'if-match': etag }, 0],
  [{ 'if-match': '*' }, 0],
  [{ 'if-match': `"x", ${etag}` }, 0],
  [{ 'if-match': '"x"' }, 412],
  [{ 'if-match': `W/${etag}` }, 412],
  [{ 'if-unmodified-since': lastModified }, 0],
  [{ 'if-unmodified-since': earlier }, 412],
  [{ 'if-unmodified-since': 'nonsense' }, 0],
  [{ 'if-match': etag, 'if-unmodified-since': earlier }, 0],
  [{ 'if-match': etag, 'if-none-match': etag }, 304],
];

test.each(preconditions)('%o gives %i', (fields, status) => {
  expect(precondition(request(fields), state)).toBe(status);
});

test('a weak tag is good for not sending again, and for nothing else', () => {
  const weak = validators(1000, BigInt(now) * 1_000_000n, now);
  expect(precondition(request({ 'if-none-match': weak.etag }), weak)).toBe(304);
  expect(precondition(request({ 'if-match': weak.etag }), weak)).toBe(412);
  expect(range(request({ range: 'bytes=0-1', 'if-range': weak.etag }), 1000, weak)).toBeUndefined();
  expect(range(request({ range: 'bytes=0-1', 'if-range': weak.lastModified }), 1000, weak)).toBeUndefined();
});

const ranges: [string, number, [number, number] | 'whole' | 'none'][] = [
  ['bytes=0-0', 1000, [0, 1]],
  ['bytes=0-99', 1000, [0, 100]],
  ['bytes=500-', 1000, [500, 1000]],
  ['bytes=-1', 1000, [999, 1000]],
  ['bytes=-5000', 1000, [0, 1000]],
  ['bytes=999-5000', 1000, [999, 1000]],
  ['bytes=0-99999999999999999999999', 1000, [0, 1000]],
  ['Bytes= 1-2 ', 1000, [1, 3]],
  ['bytes=1000-', 1000, 'none'],
  ['bytes=99999999999999999999999-', 1000, 'none'],
  ['bytes=-0', 1000, 'none'],
  ['bytes=0-', 0, 'none'],
  ['bytes=-1', 0, 'none'],
  ['bytes=2-1', 1000, 'whole'],
  ['bytes=-', 1000, 'whole'],
  ['bytes=', 1000, 'whole'],
  ['bytes=0-1,3-4', 1000, 'whole'],
  ['bytes=a-b', 1000, 'whole'],
  ['bytes=1 -2', 1000, 'whole'],
  ['bytes=--1', 1000, 'whole'],
  ['bytes=0x1-2', 1000, 'whole'],
  ['lines=0-1', 1000, 'whole'],
];

test.each(ranges)('%s of %i bytes is %o', (text, size, expected) => {
  const found = parseRange(text, size);
  const named = found === undefined ? 'whole' : found === null ? 'none' : [found.start, found.end];
  expect(named).toEqual(expected);
});

test('a range is held against the state that the client has parts of', () => {
  const wanted = { range: 'bytes=0-1' } as const;
  const part = { start: 0, end: 2 };
  expect(range(request(wanted), 1000, state)).toEqual(part);
  expect(range(request({ ...wanted, 'if-range': etag }), 1000, state)).toEqual(part);
  expect(range(request({ ...wanted, 'if-range': lastModified }), 1000, state)).toEqual(part);
  expect(range(request({ ...wanted, 'if-range': '"x"' }), 1000, state)).toBeUndefined();
  expect(range(request({ ...wanted, 'if-range': `W/${etag}` }), 1000, state)).toBeUndefined();
  expect(range(request({ ...wanted, 'if-range': later }), 1000, state)).toBeUndefined();
});
