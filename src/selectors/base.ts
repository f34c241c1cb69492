/**
 * What all selectors have in common: the book of who is registered, for what, with which data. It goes from descriptor
 * to key; each selector adds only its call.
 */
import { type Descriptor, toFd } from '../descriptor.js';
import { systemError } from '../error.js';
import { closedError } from '../owner.js';
import { integer } from '../sys/check.js';
import * as sys from '../sys/index.js';
import type { Timeout } from '../timeout.js';

/** There is something to read: data, a connection, the end of the stream, an error. */
export const EVENT_READ = 1;
/** There is room to write, or writing would tell of an error. */
export const EVENT_WRITE = 2;

/** A registration. It is frozen: `modify` makes a new one. */
export interface SelectorKey<T = unknown, F extends Descriptor = Descriptor> {
  /** What was registered: the very object, or the number. */
  readonly fileobj: F;
  /** Its descriptor at that moment. */
  readonly fd: number;
  /** What is waited for: `EVENT_READ`, `EVENT_WRITE` or both. */
  readonly events: number;
  /** What was given along. */
  readonly data: T;
}

/** The registrations, as a Map to look at: from descriptor to key. It also finds a key by its object. */
export interface SelectorMap<T = unknown, F extends Descriptor = Descriptor>
  extends ReadonlyMap<number, SelectorKey<T, F>> {
  /** The registration of a descriptor, or of an object that was registered. */
  get(fileobj: Descriptor): SelectorKey<T, F> | undefined;
  /** Whether it is registered. */
  has(fileobj: Descriptor): boolean;
}

/** A registration outlives its object: closed, or given another descriptor, the object has this one no more. */
function outlived(key: SelectorKey): boolean {
  return typeof key.fileobj === 'object' && key.fileobj.fd !== key.fd;
}

function readOnly(): never {
  throw new TypeError('The map of a selector is read-only: use register, modify and unregister');
}

/** Changes a book. Whoever is handed the book as a map finds no such method on it. */
type Pen = <T, F extends Descriptor>(book: Book<T, F>, key: SelectorKey<T, F>) => void;
let enter: Pen;
let strike: Pen;
let strikeAll: <T, F extends Descriptor>(book: Book<T, F>) => void;

class Book<T, F extends Descriptor> extends Map<number, SelectorKey<T, F>> implements SelectorMap<T, F> {
  /** A closed object has no descriptor left to be found by. */
  readonly #byObject = new Map<unknown, SelectorKey<T, F>>();

  static {
    enter = (book, key) => book.#enter(key);
    strike = (book, key) => book.#strike(key);
    strikeAll = (book) => book.#strikeAll();
  }

  override get(fileobj: Descriptor): SelectorKey<T, F> | undefined {
    if (typeof fileobj !== 'object' || fileobj === null) return super.get(fileobj);
    const known = this.#byObject.get(fileobj);
    if (known !== undefined) return known;
    const key = super.get(fileobj.fd);
    // Another object with the number of one that has been closed is another's, and not registered.
    return key === undefined || outlived(key) ? undefined : key;
  }

  override has(fileobj: Descriptor): boolean {
    return this.get(fileobj) !== undefined;
  }

  #enter(key: SelectorKey<T, F>): void {
    super.set(key.fd, key);
    if (typeof key.fileobj === 'object') this.#byObject.set(key.fileobj, key);
  }

  #strike(key: SelectorKey<T, F>): void {
    super.delete(key.fd);
    this.#byObject.delete(key.fileobj);
  }

  #strikeAll(): void {
    super.clear();
    this.#byObject.clear();
  }

  override set(): never {
    return readOnly();
  }

  override delete(): never {
    return readOnly();
  }

  override clear(): never {
    return readOnly();
  }
}

/**
 * Waits for many descriptors, whichever call does it. `T` is the type of the data that registrations carry, `F` of what
 * is registered.
 *
 * Unregister what you close, and before you close it. Otherwise epoll reports it no more (or, while a duplicate keeps it
 * open, may go on), poll reports it at every call, and select fails with EBADF. Once its number belongs to another, poll and
 * select ask about that one. A closed object can still be unregistered; its registration also ends when its number is
 * registered anew. What happens to the earlier owner of a number is never reported under the key of a later one.
 */
export abstract class Selector<T = unknown, F extends Descriptor = Descriptor> implements Disposable {
  readonly #book = new Book<T, F>();
  #closed = false;

  /** Starts to wait for a descriptor. @throws SystemError when the call does not take it */
  protected abstract add(fd: number, events: number): void;
  /** Waits for other events of it. @throws SystemError when that fails, and it is as before */
  protected abstract change(fd: number, events: number): void;
  /** Waits for it no more; it may have been closed. */
  protected abstract remove(fd: number): void;
  /** Makes the call. @returns each ready descriptor with what it is ready for; events not asked for may be among them */
  protected abstract wait(timeout: Timeout): [fd: number, mask: number][];
  /** Gives back what the call holds. */
  protected abstract release(): void;

  /** Whether `close()` has been called. */
  get closed(): boolean {
    return this.#closed;
  }

  #open(): Book<T, F> {
    if (this.#closed) throw closedError('Selector');
    return this.#book;
  }

  /**
   * Starts to wait for something with a descriptor.
   * @param fileobj a descriptor, or what has a numeric `fd`
   * @param events `EVENT_READ`, `EVENT_WRITE` or both
   * @param data anything, to find in the key when it is ready; `undefined` unless given
   * @returns its key: `getKey`, `select` and `unregister` hand out this very object
   * @throws TypeError | RangeError for what is no descriptor or no events; SystemError EEXIST when the descriptor is
   *   registered, and what the call itself refuses (see each selector); ERR_SELECTOR_CLOSED. Nothing is registered then
   */
  register(fileobj: F, events: number, ...data: undefined extends T ? [data?: T] : [data: T]): SelectorKey<T, F> {
    const book = this.#open();
    const fd = toFd(fileobj);
    checkEvents(events);
    const known = [...new Set([book.get(fileobj), book.get(fd)])].filter((key) => key !== undefined);
    if (!known.every(outlived)) throw systemError('register', -sys.EEXIST, `descriptor ${fd} is already registered`);
    for (const key of known) this.#forget(key);
    this.add(fd, events);
    return this.#enter(fileobj, fd, events, data[0] as T);
  }

  /**
   * Changes what is waited for, the data, or both.
   * @param fileobj what is registered: the object or its descriptor
   * @param events `EVENT_READ`, `EVENT_WRITE` or both
   * @param data what the key carries from now on; as before unless given
   * @returns its new key. The one before stays as it is
   * @throws TypeError | RangeError for what is no descriptor or no events; SystemError ENOENT when it is not registered,
   *   EBADF or ENOENT (epoll) when it has been closed; ERR_SELECTOR_CLOSED. The registration stays as it was
   */
  modify(fileobj: Descriptor, events: number, data?: T): SelectorKey<T, F> {
    const key = this.#find('modify', fileobj);
    checkEvents(events);
    if (events !== key.events) this.change(key.fd, events);
    return this.#enter(key.fileobj, key.fd, events, data === undefined ? key.data : data);
  }

  /**
   * Ends a registration; also that of an object or a descriptor that has been closed.
   * @param fileobj what is registered: the object or its descriptor
   * @returns the key it had
   * @throws SystemError ENOENT when it is not registered; TypeError | RangeError for what is no descriptor;
   *   ERR_SELECTOR_CLOSED
   */
  unregister(fileobj: Descriptor): SelectorKey<T, F> {
    const key = this.#find('unregister', fileobj);
    this.#forget(key);
    return key;
  }

  /**
   * Waits until something registered is ready. Blocks the thread; a signal does not end the wait.
   * @param timeout in milliseconds, fractions count. `undefined`, `null` or `Infinity`: for ever, also when nothing is
   *   registered. 0 or less: look and return
   * @returns the key of each that is ready, and what it is ready for: `EVENT_READ`, `EVENT_WRITE` or both, of what was asked.
   *   An error or a hang-up counts as either. Empty when the time is up
   * @throws TypeError | RangeError for a timeout that is no number, or NaN; ERR_SELECTOR_CLOSED; what the call itself refuses
   *   (see each selector)
   */
  select(timeout?: Timeout): [key: SelectorKey<T, F>, mask: number][] {
    const book = this.#open();
    const ready: [SelectorKey<T, F>, number][] = [];
    for (const [fd, mask] of this.wait(typeof timeout === 'number' && timeout < 0 ? 0 : timeout)) {
      const key = book.get(fd);
      if (key !== undefined && mask & key.events) ready.push([key, mask & key.events]);
    }
    return ready;
  }

  /**
   * @param fileobj what is registered: the object or its descriptor
   * @returns its key
   * @throws SystemError ENOENT when it is not registered; TypeError | RangeError for what is no descriptor;
   *   ERR_SELECTOR_CLOSED
   */
  getKey(fileobj: Descriptor): SelectorKey<T, F> {
    return this.#find('getKey', fileobj);
  }

  /**
   * @returns all registrations, from descriptor to key, in the order of their registration: always the same Map, which
   *   follows what happens and cannot be changed. Its `get` and `has` take an object, too
   * @throws ERR_SELECTOR_CLOSED
   */
  getMap(): SelectorMap<T, F> {
    return this.#open();
  }

  /** Forgets all registrations, and gives back what the selector holds; what was registered stays open. Harmless twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    strikeAll(this.#book);
    this.release();
  }

  /** Closes it at the end of a `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #find(method: string, fileobj: Descriptor): SelectorKey<T, F> {
    const key = this.#open().get(fileobj);
    if (key === undefined) throw systemError(method, -sys.ENOENT, `descriptor ${toFd(fileobj)} is not registered`);
    return key;
  }

  #enter(fileobj: F, fd: number, events: number, data: T): SelectorKey<T, F> {
    const key = Object.freeze({ fileobj, fd, events, data });
    enter(this.#book, key);
    return key;
  }

  #forget(key: SelectorKey<T, F>): void {
    strike(this.#book, key);
    this.remove(key.fd);
  }
}

function checkEvents(events: number): void {
  integer('events', events, EVENT_READ, EVENT_READ | EVENT_WRITE);
}
