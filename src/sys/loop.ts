/**
 * Node.js's own event loop, as something to hang an epoll set on. Not a system call and no part of `fdmux/sys`: the
 * objects' door to `src-native/loop.cc`.
 */
import type { EpollEvents } from './epoll.js';
import { constant, frame, MEMORY, native, unavailable } from './native.js';

/** A wake-up calls back once, with the number of events. */
export const LOOP_BATCH = constant('LOOP_BATCH');
/**
 * A wake-up calls back once for each event, with its index. Each is a callback of Node.js's own: ticks and promises run
 * after it, and an exception costs the other events nothing.
 */
export const LOOP_EACH = constant('LOOP_EACH');
/** As LOOP_BATCH, once for each `loop_arm`; it starts disarmed. */
export const LOOP_ONCE = constant('LOOP_ONCE');

/** Bun and Deno have Node-API, but an event loop of their own: calling libuv there ends the process. */
function libuvOnly(): void {
  const { bun, deno } = process.versions;
  if (bun === undefined && deno === undefined) return;
  const runtime = bun === undefined ? `Deno ${deno}` : `Bun ${bun}`;
  throw unavailable(
    `Waiting on the event loop wants Node.js's. This is ${runtime}: blocking waits work, also in a Worker`,
  );
}

/**
 * From now on the loop of this thread watches a set, through a duplicate of its descriptor, and keeps the process alive.
 * @param epfd the set
 * @param events where a wake-up's events go; the callback must hold on to it
 * @param mode LOOP_BATCH, LOOP_EACH or LOOP_ONCE
 * @param callback told a number as the mode has it, or `-errno` when the set cannot be read
 * @returns a number for the other calls, or `-EBADF`, `-EMFILE`, `-EPERM` (not something to wait for)
 * @throws ERR_FEATURE_UNAVAILABLE_ON_PLATFORM where the event loop is not Node.js's
 */
export function loop_watch(
  epfd: number,
  events: EpollEvents,
  mode: number,
  callback: (number: number) => void,
): number {
  libuvOnly();
  frame[0] = epfd;
  frame[1] = events[MEMORY];
  frame[2] = events.capacity;
  frame[3] = mode;
  native.loop_watch(callback);
  return (frame[0] as number) | 0;
}

/** Whether a wake-up is wanted; a watcher that is not armed keeps no process alive. @returns 0 or `-ENOENT` */
export function loop_arm(id: number, armed: boolean): number {
  frame[0] = id;
  frame[1] = armed ? 1 : 0;
  native.loop_arm();
  return (frame[0] as number) | 0;
}

/** Whether the watcher, while it is armed, keeps the process alive. @returns 0 or `-ENOENT` */
export function loop_ref(id: number, ref: boolean): number {
  frame[0] = id;
  frame[1] = ref ? 1 : 0;
  native.loop_ref();
  return (frame[0] as number) | 0;
}

/** Ends a watcher, also from its own callback: nothing is called back any more. @returns 0 or `-ENOENT` */
export function loop_close(id: number): number {
  frame[0] = id;
  native.loop_close();
  return (frame[0] as number) | 0;
}
