/** A server that has much to say to its operator, whose pipe is full because nobody reads it, or closed. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FIONREAD, ioctl } from '../../src/sys/index.js';
import type { Context, Fault, Row, Target } from './fault.js';
import { serving } from './targets.js';
import { tallyOf, trial } from './trial.js';

const CONNECTIONS = 100;
const SECONDS = { full: 10, short: 1 };
/** How long the first line may take, in milliseconds. */
const PATIENCE = 10_000;
/** A pipe that holds this much takes no further line, in bytes. */
const FULL = 60_000;

/** A named pipe, to which the server's standard output goes, and of which only the first line is read. */
class Pipe {
  readonly path: string;
  readonly #fd: number;
  #open = true;

  constructor({ folder }: Context) {
    this.path = join(folder, `output-${process.hrtime.bigint()}`);
    const { status } = spawnSync('mkfifo', [this.path]);
    if (status !== 0) throw new Error('mkfifo has failed');
    this.#fd = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  /** Byte by byte: what comes behind it is to stay. */
  async line(): Promise<string> {
    const byte = Buffer.alloc(1);
    let text = '';
    for (const end = performance.now() + PATIENCE; performance.now() < end; ) {
      try {
        if (readSync(this.#fd, byte) === 1) {
          if (byte[0] === 10) return text;
          text += byte.toString('latin1');
          continue;
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      // Nothing yet, or nobody has opened the other end yet.
      await sleep(5);
    }
    throw new Error('it said nothing');
  }

  get held(): number {
    const count = new Int32Array(1);
    ioctl(this.#fd, FIONREAD, count);
    return count[0] as number;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
    rmSync(this.path);
  }
}

async function tryPipe(fault: Fault, target: Target, context: Context, closed: boolean): Promise<Row> {
  const seconds = context.short ? SECONDS.short : SECONDS.full;
  const pipe = new Pipe(context);
  try {
    const options = {
      variant: closed ? 'closed' : 'full',
      // The shell becomes the server, whose process id is its own.
      within: ['sh', '-c', 'out=$1; shift; exec "$@" >"$out"', 'sh', pipe.path],
      line: () => pipe.line(),
    };
    return await trial(fault, target, context, options, async (subject) => {
      if (closed) pipe.close();
      const result = await subject.unruly({ connections: CONNECTIONS, seconds, most: 65536, halfCloses: 30 });
      if (closed) return tallyOf(result, 'EPIPE for each line');
      const { held } = pipe;
      return tallyOf(result, `${held} bytes unread`, held < FULL ? ['the pipe was not full'] : []);
    });
  } finally {
    pipe.close();
  }
}

export const output: Fault = {
  name: 'output',
  summary:
    "nobody reads the lines for the operator: the pipe is full, or its reader has gone; the clients' bytes go on",
  targets: () => [serving('epoll-echo edge', 'epoll-echo', '--trigger', 'edge'), serving('poll-echo', 'poll-echo')],
  async run(target, context) {
    return [await tryPipe(this, target, context, false), await tryPipe(this, target, context, true)];
  },
};
