/**
 * A program in several threads, each with a loop and a listener of its own. All listen on one port (SO_REUSEPORT), and the
 * kernel deals out who comes. They share nothing but the operator's terminal; the keyboard is the first one's.
 *
 * This thread starts them, tells when all of them accept, and waits. When one ends, all end: by a signal each has been told;
 * a line at the keyboard, or a failure, is passed on as one.
 */
import { Worker } from 'node:worker_threads';
import { SignalPipe } from '../../signal-pipe.js';
import * as sys from '../../sys/index.js';
import { watch } from '../../watch.js';
import type { ServeOptions } from '../program.js';
import { openListener } from './listener.js';
import { Operator } from './operator.js';

/** What a worker is given. */
export interface Assignment {
  program: string;
  options: ServeOptions;
  /** From 1. */
  number: number;
}

/** What a worker says once it accepts. */
export interface Accepting {
  address: string;
  port: number;
}

/** How long a worker may take to close its sockets, in milliseconds. */
const PATIENCE = 10_000;

/**
 * Serves until it is told to stop.
 * @param name of the program
 * @throws Error what a worker failed of, when all have ended
 */
export async function serveByWorkers(name: string, options: ServeOptions, count: number): Promise<void> {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  let stopping = false;
  let failure: Error | undefined;
  const running = new Set<Worker>();

  /** A worker that is not ready yet may not hear of it: then it is told again. */
  const tellAll = (): void => {
    process.kill(process.pid, 'SIGTERM');
  };
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    tellAll();
    setTimeout(() => {
      for (const worker of running) void worker.terminate();
    }, PATIENCE).unref();
  };
  using _told = watch(signals, 'readable', () => {
    signals.read();
    stop();
  });

  const ends: Promise<void>[] = [];
  /** @returns where it accepts; `undefined` when it ended before it did */
  const begin = (number: number, its: ServeOptions): Promise<Accepting | undefined> => {
    const workerData: Assignment = { program: name, options: its, number };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
    running.add(worker);
    return new Promise((resolve) => {
      worker.once('message', (accepting: Accepting) => {
        if (stopping) tellAll();
        resolve(accepting);
      });
      worker.once('error', (error: Error) => {
        failure ??= Object.assign(error, { message: `worker ${number}: ${error.message}` });
      });
      const ended = new Promise<void>((end) => worker.once('exit', () => end()));
      ends.push(
        ended.then(() => {
          running.delete(worker);
          resolve(undefined);
          stop();
        }),
      );
    });
  };

  if (options.fd === undefined && options.port !== 0) {
    // SO_REUSEPORT lets another program of this user's have the same port: that it is free must be asked without.
    sys.close(openListener(options.host, options.port, options.backlog));
  }
  const first = await begin(1, { ...options, sharePort: true });
  if (first !== undefined) {
    const others = { ...options, sharePort: true, port: first.port, keyboard: false };
    const rest = Array.from({ length: count - 1 }, (_, i) => begin(i + 2, others));
    const all = await Promise.all(rest);
    if (!stopping && all.every((one) => one !== undefined)) operator.announce(`${name} listening on ${first.address}`);
  }
  // Those who come to an end meanwhile are in the list, too.
  for (const end of ends) await end;
  operator.close();
  if (failure !== undefined) throw failure;
}
