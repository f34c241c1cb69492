/** The half of `Epoll` that lives on Node.js's event loop: its batches as callbacks, promises and an iterator. */
import { AsyncResource } from 'node:async_hooks';
import { type Deadline, deadline } from './deadline.js';
import { abortError, checkSignal, systemError } from './error.js';
import { LoopWatcher } from './loop.js';
import { closedError } from './owner.js';
import { invalidType } from './sys/check.js';
import { EpollEvents, epoll_wait } from './sys/index.js';
import { nanoseconds, type Timeout } from './timeout.js';

/** What `Epoll.watch` calls: `events` is the same object every time, and holds this wake-up's events 0 to `count` − 1. */
export type WatchCallback = (events: EpollEvents, count: number) => void;

/** Each ready descriptor, and what it is ready for. */
export type Batch = [fd: number, events: number][];

/** How long `Epoll.ready` waits, and what ends it. */
export interface ReadyOptions {
  /** In milliseconds, with fractions; for ever unless given. 0 looks, on the loop's next turn. */
  timeout?: Timeout;
  /** Its abort rejects the promise. */
  signal?: AbortSignal | undefined;
}

const MAX_EVENTS = 1024;

interface Waiter {
  /** Held: someone waits for it. */
  readonly epoll: object;
  resolve(batch: Batch): void;
  reject(error: unknown): void;
  limit: Deadline;
}

/** Lost sets take their watchers along: only an idle one lets its set be lost. */
const lost = new FinalizationRegistry<LoopWatcher>((watcher) => watcher.close());

/** What an Epoll has once it is used on the loop. */
export class EpollLoop {
  readonly #fd: number;
  #ref = true;
  /** What `watch` made. */
  #watcher: LoopWatcher | undefined;
  /** What `ready` waits with. It stays, so that a loop of `ready` asks the kernel for nothing but events. */
  #once: LoopWatcher | undefined;
  readonly #waiters = new Set<Waiter>();

  constructor(fd: number) {
    this.#fd = fd;
  }

  #idle(): void {
    if (this.#watcher === undefined && this.#waiters.size === 0) return;
    const error = new Error('The Epoll is being watched already');
    throw Object.assign(error, { code: 'ERR_EPOLL_WATCHED' });
  }

  watch(epoll: object, callback: WatchCallback): void {
    if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback);
    this.#idle();
    // The async context of this moment: Node-API's own does not know AsyncLocalStorage from Node.js 24 on.
    const resource = new AsyncResource('Epoll');
    const events = new EpollEvents(MAX_EVENTS);
    const watcher = new LoopWatcher(this.#fd, events, 'batch', (count) => {
      if (count < 0) {
        this.unwatch();
        throw systemError('epoll_wait', count);
      }
      resource.runInAsyncScope(callback, epoll, events, count);
    });
    watcher.ref(this.#ref);
    this.#watcher = watcher;
  }

  unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  ready(epoll: object, { timeout, signal }: ReadyOptions): Promise<Batch> {
    return new Promise((resolve, reject) => {
      if (this.#watcher !== undefined) this.#idle();
      checkSignal(signal);
      nanoseconds(timeout);
      this.#arm(epoll);
      const settle = () => {
        waiter.limit.clear();
        signal?.removeEventListener('abort', abort);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#once?.arm(false);
      };
      const waiter: Waiter = {
        epoll,
        resolve: (batch) => {
          settle();
          resolve(batch);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        // Timers come before descriptors in a turn of the loop: what is ready by now is told all the same.
        limit: deadline(timeout, () => this.#look(waiter)),
      };
      const abort = () => waiter.reject(abortError(signal as AbortSignal));
      waiter.limit.ref(this.#ref);
      signal?.addEventListener('abort', abort);
      this.#waiters.add(waiter);
    });
  }

  #arm(epoll: object): void {
    if (this.#once === undefined) {
      const events = new EpollEvents(MAX_EVENTS);
      this.#once = new LoopWatcher(this.#fd, events, 'once', (count) => this.#hand(events, count));
      this.#once.ref(this.#ref);
      lost.register(epoll, this.#once, this.#once);
    }
    this.#once.arm(true);
  }

  /** Each batch goes to the one that has waited longest: of what is edge-triggered, nobody else would be told. */
  #hand(events: EpollEvents, count: number): void {
    const [waiter] = this.#waiters;
    if (this.#waiters.size > 1) this.#once?.arm(true);
    if (waiter !== undefined) hand(waiter, events, count);
  }

  #look(waiter: Waiter): void {
    const events = new EpollEvents(MAX_EVENTS);
    hand(waiter, events, epoll_wait(this.#fd, events, MAX_EVENTS, 0));
  }

  /** A batch is asked for when the consumer asks for one: what it cannot keep up with waits in the kernel. */
  batches(epoll: object): AsyncIterableIterator<Batch> {
    const ended = new AbortController();
    const done = { value: undefined, done: true } as const;
    return {
      next: async () => {
        if (ended.signal.aborted) return done;
        try {
          return { value: await this.ready(epoll, { signal: ended.signal }), done: false };
        } catch (error) {
          const { code } = error as { code?: string };
          if (code !== 'ERR_EPOLL_CLOSED' && code !== 'ABORT_ERR') throw error;
          ended.abort();
          return done;
        }
      },
      return: async () => {
        ended.abort();
        return done;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  ref(ref: boolean): void {
    this.#ref = ref;
    this.#watcher?.ref(ref);
    this.#once?.ref(ref);
    for (const waiter of this.#waiters) waiter.limit.ref(ref);
  }

  close(): void {
    this.unwatch();
    if (this.#once !== undefined) lost.unregister(this.#once);
    this.#once?.close();
    this.#once = undefined;
    for (const waiter of this.#waiters) waiter.reject(closedError('Epoll'));
  }
}

function hand(waiter: Waiter, events: EpollEvents, count: number): void {
  if (count < 0) {
    waiter.reject(systemError('epoll_wait', count));
    return;
  }
  const batch: Batch = [];
  for (let i = 0; i < count; i++) batch.push([events.fd(i), events.events(i)]);
  waiter.resolve(batch);
}
