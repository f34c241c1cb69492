/**
 * What is no value of the C type is refused before the call: TypeError for a wrong type, RangeError for a number
 * outside the type's range, each naming the argument, what was expected and what came.
 */
import { types } from 'node:util';
import { unavailable } from './native.js';

/** What came, in Node.js's words. Never runs code of the value's own. */
export function received(value: unknown): string {
  if (value === null || value === undefined) return `Received ${value}`;
  if (typeof value === 'function') return 'Received a function';
  if (typeof value === 'object') {
    if (types.isProxy(value)) return 'Received a Proxy';
    if (Array.isArray(value)) return 'Received an instance of Array';
    const prototype: unknown = Object.getPrototypeOf(value);
    const maker =
      isObject(prototype) &&
      !types.isProxy(prototype) &&
      Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
    const name =
      typeof maker === 'function' && !types.isProxy(maker) && Object.getOwnPropertyDescriptor(maker, 'name')?.value;
    return typeof name === 'string' && name !== '' ? `Received an instance of ${name}` : 'Received an object';
  }
  const shown = typeof value === 'string' ? JSON.stringify(value.length > 28 ? `${value.slice(0, 25)}...` : value) : '';
  return `Received type ${typeof value} (${shown || String(value)}${typeof value === 'bigint' ? 'n' : ''})`;
}

/** @param expected completes "must be", as in "of type number" or "an instance of EpollEvents" */
export function invalidType(name: string, expected: string, value: unknown): TypeError {
  const error = new TypeError(`The "${name}" argument must be ${expected}. ${received(value)}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_TYPE' });
}

/** @param expected completes "must be", as in ">= 0 && <= 65535" */
export function outOfRange(name: string, expected: string, value: unknown): RangeError {
  const error = new RangeError(
    `The value of "${name}" is out of range. It must be ${expected}. Received ${String(value)}`,
  );
  return Object.assign(error, { code: 'ERR_OUT_OF_RANGE' });
}

/** Throws what a value that is no number, or not the right one, deserves. */
export function refuse(name: string, expected: string, value: unknown): never {
  // Elsewhere, a constant is no number: what is wrong is not the argument.
  if (Number.isNaN(value) && process.platform !== 'linux') {
    throw unavailable(`The value of "${name}" is a constant of Linux. This is ${process.platform}`);
  }
  throw typeof value === 'number' ? outOfRange(name, expected, value) : invalidType(name, 'of type number', value);
}

/** A C `int`. */
export function int32(name: string, value: number): number {
  if (typeof value === 'number' && (value | 0) === value) return value;
  return refuse(name, 'an integer >= -2147483648 && <= 2147483647', value);
}

/** An integer between two bounds that a double holds exactly. */
export function integer(name: string, value: number, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max && Number.isInteger(value)) return value;
  return refuse(name, `an integer >= ${min} && <= ${max}`, value);
}

/** An event mask, modulo 2³²: `EPOLLIN | EPOLLET` is negative in JavaScript and means what it says. */
export function mask32(name: string, value: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value >>> 0;
  return refuse(name, 'an integer', value);
}

/** A size or an offset, in bytes. */
export function size(name: string, value: number): number {
  return integer(name, value, 0, Number.MAX_SAFE_INTEGER);
}

/** A Uint8Array of any realm. */
export function bytes(name: string, value: Uint8Array): Uint8Array {
  if (types.isUint8Array(value)) return value;
  throw invalidType(name, 'an instance of Uint8Array', value);
}

/** A time in a unit of its own, as a C `long long`; `null` is for ever. */
export function time(name: string, value: number | null): number {
  if (value === null) return 0;
  return integer(name, value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
}

/** A getter that every typed array inherits: a subclass may have put one of its own in front of it. */
function getter<T>(name: string | symbol): () => T {
  return Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), name)?.get as () => T;
}
function inherited<T>(name: string | symbol): (array: NodeJS.TypedArray) => T {
  const get = getter<T>(name);
  return (array) => Reflect.apply(get, array, []);
}
const typeOf = inherited<string | undefined>(Symbol.toStringTag);
export const bufferOf = inherited<ArrayBufferLike>('buffer');
const offsetOf = inherited<number>('byteOffset');
const getLength = getter<number>('length');
/** A function of its own: V8 does not inline one that several getters share, and buffers are asked at each call. */
export const lengthOf = (array: NodeJS.TypedArray): number => Reflect.apply(getLength, array, []);

type Type = 'Uint8Array' | 'Int32Array' | 'Float64Array';

/** A typed array of any realm, over memory of its own. */
export function unshared<T extends NodeJS.TypedArray>(name: string, value: T, type: Type): T {
  if (typeOf(value) !== type) throw invalidType(name, `an instance of ${type}`, value);
  const buffer = bufferOf(value);
  if (!types.isSharedArrayBuffer(buffer)) return value;
  throw invalidType(name, `an instance of ${type} over an ArrayBuffer of its own`, buffer);
}

/** The first `length` bytes of a Uint8Array, whatever a subclass says of itself. */
export function firstBytes(name: string, value: Uint8Array, length: number): Uint8Array {
  unshared(name, value, 'Uint8Array');
  integer('length', length, 0, lengthOf(value));
  return length === 0 ? new Uint8Array(0) : new Uint8Array(bufferOf(value), offsetOf(value), length);
}

/** A typed array that a call fills with `length` elements. */
export function filled<T extends Int32Array | Float64Array>(name: string, value: T, type: Type, length: number): T {
  unshared(name, value, type);
  if (lengthOf(value) < length) throw outOfRange(`${name}.length`, `>= ${length}`, lengthOf(value));
  return value;
}

/** Excludes `null`, of which `in` cannot be asked. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
