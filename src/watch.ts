/**
 * One descriptor on Node.js's event loop: a serial port, GPIO, inotify, a pty, a library's socket.
 *
 * ```ts
 * import { openSync, readSync } from 'node:fs';
 * import { watch } from 'fdmux';
 * const fd = openSync('/dev/ttyUSB0', 'r+');
 * const buffer = Buffer.alloc(4096);
 * using port = watch(fd, 'readable', () => console.log(buffer.toString('latin1', 0, readSync(fd, buffer))));
 * ```
 *
 * All watches of a thread share one hidden epoll set. Close a watch before its descriptor: the kernel tells nobody that
 * a descriptor has been closed, and gives its number to the next one. A watch whose descriptor was closed behind its back
 * hears no more, and is closed with a warning once that is noticed; what the number's next owner does is never told to it,
 * nor is its own left-over news, which a duplicate of the old descriptor may still cause, told to the next owner's watch.
 */
import { AsyncResource } from 'node:async_hooks';
import { type Descriptor, toFd } from './descriptor.js';
import { Epoll } from './epoll.js';
import { abortError, checkSignal, succeeded, systemError } from './error.js';
import { LoopWatcher } from './loop.js';
import { closedError } from './owner.js';
import { invalidType, mask32, outOfRange } from './sys/check.js';
import * as sys from './sys/index.js';

const { EBADF, ENOENT, EPERM, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD } = sys;
const { EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EpollEvents } = sys;

/** A mask of EPOLLIN, EPOLLOUT, EPOLLPRI…, or in words: `readable` is EPOLLIN, `writable` is EPOLLOUT. */
export type WatchEvents = number | 'readable' | 'writable';

/** Told what the descriptor is ready for: what was asked for of it, and EPOLLERR and EPOLLHUP unasked. */
export type ReadyCallback = (events: number) => void;

const MAX_EVENTS = 1024;
const MODES = EPOLLET | EPOLLONESHOT;

/** One watch, as the hub sees it. */
interface Registration {
  readonly entry: Entry;
  readonly callback: ReadyCallback;
  readonly resource: AsyncResource;
  /** Held: an object that owns the descriptor must not be lost while it is watched. */
  readonly owner: Descriptor;
  events: number;
  /** Not so once an EPOLLONESHOT one has been told. */
  armed: boolean;
  ref: boolean;
}

/** One descriptor in the set, with all that watch it. */
interface Entry {
  readonly fd: number;
  /** Which owner of the number it is about: a new one each time the number enters the set. */
  tag: number;
  /** What the kernel was asked for; 0 while it is not in the set. */
  events: number;
  registrations: Registration[];
}

function fail(result: number, fd: number): never {
  const why = result === -EPERM ? ' cannot be waited for: a regular file or a directory is always ready' : '';
  throw systemError('epoll_ctl', result, `descriptor ${fd}${why}`);
}

/** The hidden set of a thread: there from its first watch until a turn of the loop finds nobody left. */
class Hub {
  readonly #entries = new Map<number, Entry>();
  readonly #events = new EpollEvents(MAX_EVENTS);
  /** Tags given up during this batch: it may still hold news of theirs. */
  readonly #retired = new Set<number>();
  #epoll = new Epoll();
  #watcher = this.#start();
  #tag = 0;
  #refs = 0;

  #start(): LoopWatcher {
    try {
      return new LoopWatcher(this.#epoll.fd, this.#events, 'each', (i) => this.#take(this.#events, i));
    } catch (error) {
      this.#epoll.close();
      throw error;
    }
  }

  add(owner: Descriptor, fd: number, events: number, callback: ReadyCallback): Registration {
    const known = this.#entries.get(fd);
    // A number whose owner has changed is no longer what the set knows under it.
    if (known !== undefined && known.events !== 0 && this.#control(EPOLL_CTL_MOD, known, known.events) < 0) {
      this.#lose(known);
    }
    const entry = this.#entries.get(fd) ?? { fd, tag: 0, events: 0, registrations: [] };
    const resource = new AsyncResource('fdmux.watch');
    const registration = { entry, callback, resource, owner, events, armed: true, ref: true };
    entry.registrations = [...entry.registrations, registration];
    this.#entries.set(fd, entry);
    const result = this.#update(entry);
    if (result < 0) {
      this.#forget(registration);
      fail(result, fd);
    }
    this.#count(1);
    return registration;
  }

  change(registration: Registration, events: number): void {
    const { entry } = registration;
    registration.events = events;
    registration.armed = true;
    const result = this.#update(entry);
    if (result === -ENOENT || result === -EBADF) this.#lose(entry);
    if (result < 0) fail(result, entry.fd);
  }

  remove(registration: Registration): void {
    this.#forget(registration);
    if (registration.ref) this.#count(-1);
    // What fails here has been closed already; should a duplicate keep it in the set, #take meets it.
    this.#update(registration.entry);
  }

  ref(registration: Registration, ref: boolean): void {
    if (registration.ref !== ref) this.#count(ref ? 1 : -1);
    registration.ref = ref;
  }

  /** Whether nobody is left. */
  get empty(): boolean {
    return this.#entries.size === 0;
  }

  close(): void {
    this.#watcher.close();
    this.#epoll.close();
  }

  #count(change: number): void {
    this.#refs += change;
    this.#watcher.ref(this.#refs > 0);
  }

  #forget(registration: Registration): void {
    const { entry } = registration;
    entry.registrations = entry.registrations.filter((other) => other !== registration);
    if (entry.registrations.length === 0 && this.#entries.get(entry.fd) === entry) this.#entries.delete(entry.fd);
  }

  #control(op: number, entry: Entry, events: number): number {
    return sys.epoll_ctl(this.#epoll.fd, op, entry.fd, events, entry.tag);
  }

  /** Asks the kernel for what the entry's watches want together. */
  #update(entry: Entry): number {
    let events = 0;
    let modes = EPOLLET;
    for (const registration of entry.registrations) {
      if (!registration.armed || (registration.events & ~MODES) === 0) continue;
      events |= registration.events & ~MODES;
      modes &= registration.events;
    }
    if (entry.registrations.length === 1) modes |= (entry.registrations[0] as Registration).events & EPOLLONESHOT;
    if (events === 0) return this.#drop(entry);
    const op = entry.events === 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (op === EPOLL_CTL_ADD) {
      this.#tag = (this.#tag + 1) >>> 0;
      entry.tag = this.#tag;
    }
    const result = this.#control(op, entry, events | modes);
    if (result === 0) entry.events = events | modes;
    return result;
  }

  /** Out of the set: with nothing asked for, it would still tell EPOLLERR and EPOLLHUP, again and again. */
  #drop(entry: Entry): number {
    if (entry.events === 0) return 0;
    entry.events = 0;
    this.#retired.add(entry.tag);
    this.#control(EPOLL_CTL_DEL, entry, 0);
    return 0;
  }

  /** Its descriptor was closed behind its back. */
  #lose(entry: Entry): void {
    this.#retired.add(entry.tag);
    entry.events = 0;
    for (const registration of entry.registrations) {
      this.#forget(registration);
      if (registration.ref) this.#count(-1);
    }
    process.emitWarning(
      `descriptor ${entry.fd} was closed while it was being watched: close() the watch first`,
      'ResourceWarning',
    );
  }

  #take(events: sys.EpollEvents, i: number): void {
    if (i < 0) throw systemError('epoll_wait', i);
    if (i === 0) this.#retired.clear();
    const tag = events.tag(i);
    const entry = this.#entries.get(events.fd(i));
    if (entry === undefined || entry.tag !== tag || entry.events === 0) {
      if (!this.#retired.has(tag)) this.#rebuild();
      return;
    }
    const ready = events.events(i);
    const { registrations } = entry;
    if (registrations.length === 1) {
      this.#tell(registrations[0] as Registration, ready);
      return;
    }
    for (const registration of registrations) {
      try {
        this.#tell(registration, ready);
      } catch (error) {
        // An uncaught exception, that costs the others nothing.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  }

  #tell(registration: Registration, ready: number): void {
    const { entry, events } = registration;
    const told = ready & (events | EPOLLERR | EPOLLHUP);
    if (told === 0 || !registration.armed || !entry.registrations.includes(registration)) return;
    if ((events & ~MODES) === 0) return;
    if (events & EPOLLONESHOT) {
      registration.armed = false;
      // Alone, the kernel has disarmed it.
      if (entry.registrations.length > 1) this.#update(entry);
    }
    registration.resource.runInAsyncScope(registration.callback, undefined, told >>> 0);
  }

  /**
   * There is news of a descriptor that was closed without its watch, and lives on as a duplicate: no call takes that out
   * of a set any more. The others move to a new one, which tells again what they are ready for.
   */
  #rebuild(): void {
    const old = this.#epoll;
    const next = new Epoll();
    for (const entry of [...this.#entries.values()]) {
      if (entry.events === 0) continue;
      // Only what the old set knows under this number is still the same.
      if (this.#control(EPOLL_CTL_MOD, entry, entry.events) < 0) this.#lose(entry);
      else next.register(entry.fd, entry.events, entry.tag);
    }
    this.#watcher.close();
    this.#epoll = next;
    this.#watcher = this.#start();
    this.#count(0);
    old.close();
    if (this.empty) release();
  }
}

let hub: Hub | undefined;
let leaving = false;

/** Gives back the set once nobody is left: not at once, since who awaits `readable` again and again leaves each time. */
function release(): void {
  if (leaving || !hub?.empty) return;
  leaving = true;
  setImmediate(() => {
    leaving = false;
    if (!hub?.empty) return;
    hub.close();
    hub = undefined;
  }).unref();
}

function toEvents(events: WatchEvents): number {
  if (events === 'readable') return EPOLLIN;
  if (events === 'writable') return EPOLLOUT;
  if (typeof events !== 'number') throw invalidType('events', "a mask, 'readable' or 'writable'", events);
  const mask = mask32('events', events);
  if (mask & EPOLLEXCLUSIVE) throw outOfRange('events', 'without EPOLLEXCLUSIVE: the set is one thread’s own', events);
  return mask;
}

/** What `watch` returns. */
export class Watch implements Disposable {
  readonly #hub: Hub;
  readonly #registration: Registration;

  /** @internal */
  constructor(owner: Hub, registration: Registration) {
    this.#hub = owner;
    this.#registration = registration;
  }

  /** The descriptor, −1 once closed. */
  get fd(): number {
    return this.closed ? -1 : this.#registration.entry.fd;
  }

  /** Whether `close()` has been called, or the descriptor was found closed. */
  get closed(): boolean {
    return !this.#registration.entry.registrations.includes(this.#registration);
  }

  /** What is waited for. */
  get events(): number {
    return this.#registration.events;
  }

  /**
   * Changes what is waited for, and looks anew: an EPOLLONESHOT watch is armed again, what is edge-triggered and ready is
   * told again. 0 pauses: not even EPOLLERR and EPOLLHUP are told.
   * @throws ERR_WATCH_CLOSED; SystemError ENOENT or EBADF when the descriptor was closed behind its back, which closes the
   *   watch; TypeError | RangeError for what is no mask
   */
  set events(events: WatchEvents) {
    const mask = toEvents(events);
    if (this.closed) throw closedError('Watch');
    try {
      this.#hub.change(this.#registration, mask);
    } finally {
      release();
    }
  }

  /** The watch keeps the process alive: so it is unless `unref` was called. */
  ref(): this {
    if (!this.closed) this.#hub.ref(this.#registration, true);
    return this;
  }

  /** The watch does not keep the process alive. */
  unref(): this {
    if (!this.closed) this.#hub.ref(this.#registration, false);
    return this;
  }

  /**
   * Ends the watch: not even what this turn of the loop has found already is told any more. The descriptor stays open.
   * Closing twice is harmless.
   */
  close(): void {
    if (this.closed) return;
    this.#hub.remove(this.#registration);
    release();
  }

  /** Closes it at the end of a `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Calls back whenever a descriptor is ready, until the watch is closed. Each call is one of Node.js's own: promises and
 * ticks run after it, in the async context of this moment; an exception is an uncaught exception, and the watch goes on.
 *
 * A descriptor may be watched several times, each told what it asked for. EPOLLET then holds only when all of them ask for
 * it. What Node.js itself reads (`process.stdin` with a listener, a `net.Socket`) may be watched, too: who reads first,
 * has it.
 * @param fd what to watch; it stays open when the watch is closed, and must not be closed before
 * @param events `'readable'`, `'writable'`, or a mask of EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP; with EPOLLET told once for
 *   each change, with EPOLLONESHOT once until `events` is set again
 * @param callback told what it is ready for: EPOLLERR and EPOLLHUP come unasked
 * @throws SystemError EPERM for what is always ready and cannot be waited for (a regular file, a directory); EBADF, ENOSPC,
 *   EMFILE; TypeError | RangeError for what is no descriptor, no mask or no function
 */
export function watch(fd: Descriptor, events: WatchEvents, callback: ReadyCallback): Watch {
  const number = toFd(fd);
  const mask = toEvents(events);
  if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback);
  // Before the hidden set takes a number: a closed descriptor's may be the very one.
  succeeded('fcntl', sys.fcntl(number, sys.F_GETFD), `descriptor ${number}`);
  hub ??= new Hub();
  try {
    return new Watch(hub, hub.add(fd, number, mask, callback));
  } finally {
    release();
  }
}

function once(fd: Descriptor, events: number, signal: AbortSignal | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    checkSignal(signal);
    const one = watch(fd, events, (ready) => {
      one.close();
      signal?.removeEventListener('abort', abort);
      resolve(ready);
    });
    const abort = () => {
      one.close();
      reject(abortError(signal as AbortSignal));
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** What ends a wait. */
export interface WaitOptions {
  /** Its abort rejects the promise. */
  signal?: AbortSignal | undefined;
}

/**
 * Waits, without blocking the thread, until there is something to read, or the other side has gone.
 * @param fd what to wait for; it must stay open meanwhile, as for `watch`
 * @returns a mask of EPOLLIN, EPOLLHUP and EPOLLERR
 * @throws rejects with what `watch` throws; AbortError
 */
export async function readable(fd: Descriptor, { signal }: WaitOptions = {}): Promise<number> {
  return once(fd, EPOLLIN, signal);
}

/**
 * Waits, without blocking the thread, until there is room to write, or the other side has gone.
 * @param fd what to wait for; it must stay open meanwhile, as for `watch`
 * @returns a mask of EPOLLOUT, EPOLLHUP and EPOLLERR
 * @throws rejects with what `watch` throws; AbortError
 */
export async function writable(fd: Descriptor, { signal }: WaitOptions = {}): Promise<number> {
  return once(fd, EPOLLOUT, signal);
}
