/**
 * The processes of a benchmark. Each leads a process group of its own, so that Ctrl-C does not reach it in the middle of a
 * measurement, and what it has started ends with it. They are ended by their own ids.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** How long a process may take to say something, or to end when it is asked to, in milliseconds. */
const PATIENCE = 10_000;
/** How much of a process's last words is kept. */
const LAST_WORDS = 2000;

/** With what becomes of it. */
const running = new Map<ChildProcess, Promise<unknown>>();

process.on('exit', () => {
  for (const child of running.keys()) kill(child, 'SIGKILL');
});

/** To the process and to all that it has started. */
function kill({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function end(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  kill(child, 'SIGTERM');
  const timer = setTimeout(() => kill(child, 'SIGKILL'), PATIENCE);
  await closed;
  clearTimeout(timer);
}

/** Ends every process that is left, whoever started it. */
export async function endChildren(): Promise<void> {
  await Promise.all([...running].map(([child, closed]) => end(child, closed)));
}

let taskset: boolean | undefined;

/** Whether a process can be kept on one CPU here. */
export function canPin(): boolean {
  taskset ??= spawnSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' }).status === 0;
  return taskset;
}

export interface Child {
  readonly pid: number;
  /** The next line that it prints. @throws Error with its last words when it has ended, or is silent for long */
  line(patience?: number): Promise<string>;
  /** Writes a line to its stdin, which stays open: to a server that listens to a keyboard, its end is an event. */
  say(line: string): void;
  /** Whether it has ended by itself. */
  readonly ended: boolean;
  /** The code or the signal that it ended with; `null` while it runs. */
  readonly status: number | NodeJS.Signals | null;
  /** The last of what it has written to its stderr. */
  words(): string;
  /** Ends it. */
  end(): Promise<void>;
}

/**
 * Starts a process.
 * @param cpu the only CPU it may run on, where processes can be pinned
 */
export function start(command: string, args: readonly string[], cpu?: number): Child {
  const child =
    cpu !== undefined && canPin()
      ? // taskset becomes the command: the process id is the command's own.
        spawn('taskset', ['-c', String(cpu), command, ...args], { stdio: 'pipe', detached: true })
      : spawn(command, args, { stdio: 'pipe', detached: true });
  let failure: Error | undefined;
  let words = '';
  let ended = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-LAST_WORDS);
  });
  // Whoever is killed cannot be written to; what matters is said by its end.
  child.stdin.on('error', () => {});
  child.once('error', (error) => {
    failure = error;
  });
  const closed = once(child, 'close').catch(() => {});
  running.set(child, closed);
  void closed.then(() => {
    ended = true;
    running.delete(child);
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  const explain = (what: string): Error => {
    const said = words.trim().split('\n');
    // Node.js ends its last words with its version, Python begins them with a trace.
    const reason = said.findLast((line) => /error/i.test(line)) || said.at(-1) || failure?.message || '';
    return new Error(`${[command, ...args].join(' ')} ${what}${reason && `: ${reason}`}`);
  };

  return {
    pid: child.pid ?? 0,
    get ended() {
      return ended;
    },
    get status() {
      return child.signalCode ?? child.exitCode;
    },
    words: () => words.trim(),
    async line(patience = PATIENCE) {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(explain(`said nothing for ${patience / 1000} s`)), patience);
      });
      try {
        const { value, done } = await Promise.race([lines.next(), silence]);
        if (!done) return value;
      } finally {
        clearTimeout(timer);
      }
      await closed;
      throw explain(`ended (${child.signalCode ?? child.exitCode ?? 'not started'})`);
    },
    say(line) {
      child.stdin.write(`${line}\n`);
    },
    end: () => end(child, closed),
  };
}
