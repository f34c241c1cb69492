// Values that no call expects, and that lie about themselves.
import * as sys from 'fdmux/sys';

/** What the values' own code throws. */
export class Marker extends Error {}
export const boom = () => {
  throw new Marker('code of the caller');
};
class Lying extends Uint8Array {
  get length() {
    return 2 ** 31;
  }
  get byteLength() {
    return 2 ** 31;
  }
  get byteOffset() {
    return -8;
  }
  get buffer() {
    return new ArrayBuffer(0);
  }
  at() {
    return boom();
  }
}
class LyingInts extends Int32Array {
  get length() {
    return 2 ** 31;
  }
  get buffer() {
    return boom();
  }
}
const everyTrap = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, boom]));

function detached(type) {
  const array = new type(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}
function outside(type) {
  const memory = new ArrayBuffer(64, { maxByteLength: 64 });
  const array = new type(memory, 32, 2);
  memory.resize(16);
  return array;
}

/** What stands in public fields is anybody's to write. */
function lying(memory) {
  return Object.assign(memory, { capacity: 2 ** 31 - 1, size: 2 ** 31 - 1 });
}

/** Made anew for each call: a call may change them. None is a small integer: it could be a descriptor of the runner's. */
export const hostile = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  '-1': () => -1,
  1.5: () => 1.5,
  '2**31': () => 2 ** 31,
  '2**32': () => 2 ** 32,
  '2**53': () => 2 ** 53,
  '-2**31': () => -(2 ** 31),
  MAX_VALUE: () => Number.MAX_VALUE,
  MIN_VALUE: () => Number.MIN_VALUE,
  "'5'": () => '5',
  'a long string': () => 'x'.repeat(100_000),
  'a lone surrogate': () => '\ud800',
  '5n': () => 5n,
  'a symbol': () => Symbol('5'),
  '{}': () => ({}),
  '[]': () => [],
  '[5]': () => [5],
  'a null prototype': () => Object.create(null),
  'a throwing valueOf': () => ({ valueOf: boom, toString: boom, [Symbol.toPrimitive]: boom }),
  'throwing getters': () =>
    Object.defineProperties(
      {},
      Object.fromEntries(['family', 'length', 'buffer'].map((name) => [name, { get: boom }])),
    ),
  'a throwing constructor': () => Object.create(Object.defineProperty({}, 'constructor', { get: boom })),
  'a prototype that is a proxy': () => Object.create(new Proxy({}, everyTrap)),
  'a proxy': () => new Proxy({}, everyTrap),
  'a proxy of bytes': () => new Proxy(new Uint8Array(8), {}),
  'a proxy of ints': () => new Proxy(new Int32Array(8), {}),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  'a function': () => () => 5,
  'a class': () => class {},
  'a number object': () => Object(5),
  'a date': () => new Date(0),
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'a DataView': () => new DataView(new ArrayBuffer(8)),
  bytes: () => new Uint8Array(8),
  'no bytes': () => new Uint8Array(0),
  'shared bytes': () => new Uint8Array(new SharedArrayBuffer(64)),
  'detached bytes': () => detached(Uint8Array),
  'bytes outside their memory': () => outside(Uint8Array),
  'bytes that lie': () => new Lying(8),
  'no bytes that lie': () => new Lying(0),
  'bytes in name only': () => Object.create(Uint8Array.prototype),
  ints: () => new Int32Array(8),
  'no ints': () => new Int32Array(0),
  'shared ints': () => new Int32Array(new SharedArrayBuffer(64)),
  'detached ints': () => detached(Int32Array),
  'ints outside their memory': () => outside(Int32Array),
  'ints that lie': () => new LyingInts(8),
  'ints in name only': () => Object.create(Int32Array.prototype),
  'shared doubles': () => new Float64Array(new SharedArrayBuffer(64)),
  'detached doubles': () => detached(Float64Array),
  'doubles in name only': () => Object.create(Float64Array.prototype),
  'clamped bytes': () => new Uint8ClampedArray(8),
  EpollEvents: () => new sys.EpollEvents(2),
  PollFds: () => new sys.PollFds(2),
  FdSet: () => new sys.FdSet(64),
  SockAddr: () => new sys.SockAddr(),
  'EpollEvents that lie': () => lying(new sys.EpollEvents(1)),
  'PollFds that lie': () => lying(new sys.PollFds(1)),
  'FdSet that lies': () => lying(new sys.FdSet(64)),
  'EpollEvents in name only': () => Object.create(sys.EpollEvents.prototype),
  'PollFds in name only': () => Object.create(sys.PollFds.prototype),
  'FdSet in name only': () => Object.create(sys.FdSet.prototype),
  'SockAddr in name only': () => Object.create(sys.SockAddr.prototype),
  'an IPv4 address with lies': () => ({ family: 'IPv4', address: { toString: boom }, port: '80' }),
  'an IPv6 address with NUL': () => ({ family: 'IPv6', address: '::1\0', port: 0 }),
  'a unix address of no text': () => ({ family: 'unix', path: 5 }),
};
