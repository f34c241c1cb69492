/**
 * What an experiment is, and what it has at hand: the system calls, each shown as it is made; words between them; and
 * expectations, which decide the verdict. Whatever it opened or started is closed and ended when it is over.
 *
 * ```ts
 * export const alwaysWritable = experiment({
 *   name: 'always-writable',
 *   group: 'documents',
 *   question: 'When can an idle socket be written to?',
 *   background: 'Document 002: a socket stands in the write set only while there is something to send.',
 *   run,
 * });
 *
 * function run({ sys, say, expect, pair, epoll }: Lab): string {
 *   const [mine] = pair('mine', 'peer');
 *   …
 *   return 'Always: …';
 * }
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect, isDeepStrictEqual } from 'node:util';
import { errorCode, succeeded } from '../error.js';
import * as plain from '../sys/index.js';
import { packageRoot } from '../sys/native.js';
import { type Call, formatCall, opened } from '../trace/format.js';
import { recording, type Sys } from '../trace/record.js';

export interface Experiment {
  /** Its name on the command line, and that of its file. */
  readonly name: string;
  /** What it looks into: a claim of the documents, or a trap of the three calls. */
  readonly group: 'documents' | 'traps';
  /** In one line. */
  readonly question: string;
  /** What is told about it, and by whom; or why it matters. */
  readonly background: string;
  /** @returns the answer: what has been seen when every expectation holds */
  readonly run: (lab: Lab) => string | Promise<string>;
}

/** One thing that happened, in the order of the happening. */
export type Step =
  | { readonly kind: 'say'; readonly text: string }
  | { readonly kind: 'show'; readonly text: string }
  /** `text` is the call in strace's form, `times` how often it was made in a row with this very result. */
  | { readonly kind: 'call'; text: string; readonly name: string; readonly result: number; times: number }
  /** `seen` says what was expected and what was seen instead. */
  | { readonly kind: 'expect'; readonly text: string; readonly holds: boolean; readonly seen?: string };

/**
 * - `as expected`: every expectation holds
 * - `otherwise`: this kernel does something else than the experiment says
 * - `not run`: this machine lacks what the experiment needs
 */
export type Verdict = 'as expected' | 'otherwise' | 'not run';

/** What came of an experiment. */
export interface Outcome {
  readonly name: string;
  readonly group: Experiment['group'];
  readonly question: string;
  readonly background: string;
  readonly kernel: string;
  readonly steps: readonly Step[];
  readonly verdict: Verdict;
  /** The answer; of one that went otherwise, what did not hold; of one not run, why. */
  readonly conclusion: string;
  readonly seconds: number;
  /** The lines of TypeScript that did it. */
  readonly source: { readonly file: string; readonly text: string };
}

/** Another process, which runs a function of the experiment's. */
export interface Child {
  readonly pid: number;
  /** The next thing it tells. @throws Error when it ends, or says nothing for ten seconds */
  told(): Promise<unknown>;
  /** Resolves once it sleeps in the kernel, and goes on to. */
  asleep(): Promise<void>;
  /** Resolves once a signal has stopped it. */
  stopped(): Promise<void>;
  /** Sends it a signal. */
  signal(name: NodeJS.Signals): void;
}

/** What runs in a child. It is sent there as text: it sees its parameter, and nothing around it. */
export type Script = (child: {
  sys: Sys;
  /** Its own numbers for the descriptors it was given. */
  fds: number[];
  // biome-ignore lint/suspicious/noExplicitAny: it is what the experiment has given.
  given: any;
  tell: (value: unknown) => void;
}) => void;

/** What an experiment has at hand. */
export interface Lab {
  /** The system calls of `fdmux/sys`; each is shown. The descriptors they open are closed at the end. */
  readonly sys: Sys;
  /** What happens next, and why. */
  say(text: string): void;
  /** What is seen that is no system call: a measurement, a file's line, a call of the objects. */
  show(text: string): void;
  /**
   * Says what is expected, and whether it is so.
   * @param text what the reader is to learn from it
   * @param got what has been seen
   * @param wanted what it is to be; `true` unless given
   */
  expect(text: string, got: unknown, wanted?: unknown): void;
  /** Makes calls that are not worth showing. */
  quietly<T>(calls: () => T): T;
  /** Ends the experiment unless the machine has what it needs. */
  needs(condition: boolean, otherwise: string): void;

  /** Gives a descriptor a name, which stands behind its number: `7<client>`. @returns the descriptor */
  name(fd: number, name: string): number;
  /** Closes a descriptor at the end that no call of `sys` has opened. @returns the descriptor */
  own(fd: number): number;
  /** An epoll set. */
  epoll(name: string): number;
  /** Both ends of a pipe, neither of which blocks. */
  pipe(reader: string, writer: string): [reader: number, writer: number];
  /** Two connected stream sockets, neither of which blocks. What one sends is there for the other at once. */
  pair(left: string, right: string): [left: number, right: number];
  /** A TCP listener on loopback, which does not block. */
  listener(name: string): { fd: number; address: plain.InetAddress };
  /** A TCP connection to it, which does not block. */
  client(address: plain.InetAddress, name: string): number;
  /** Both ends of a TCP connection, neither of which blocks. */
  tcp(server: string, client: string): [server: number, client: number];
  /** Waits until a descriptor is ready: TCP needs a moment, also over loopback. @throws Error after two seconds */
  settled(fd: number, events: number): void;

  /** The median time of each function in nanoseconds, taken in turns. */
  medians<Name extends string>(rounds: number, functions: Record<Name, () => void>): Record<Name, number>;
  /** Runs a function in a process of its own, with copies of these descriptors, and what else it is given. */
  child(fds: readonly number[], script: Script, given?: unknown): Child;
}

/** Types an experiment. */
export function experiment(definition: Experiment): Experiment {
  return definition;
}

class NotRun extends Error {}

/** How long a child may keep an experiment waiting, in milliseconds. */
const PATIENCE = 10_000;

/** Runs an experiment. Never throws: what goes wrong is a verdict. */
export async function run(definition: Experiment): Promise<Outcome> {
  const bench = new Bench();
  const start = performance.now();
  let verdict: Verdict = 'as expected';
  let conclusion = '';
  try {
    conclusion = await definition.run(bench.lab());
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof NotRun) {
      verdict = 'not run';
      conclusion = text;
    } else {
      bench.steps.push({ kind: 'expect', text: 'the experiment comes to its end', holds: false, seen: text });
    }
  } finally {
    await bench.clear();
  }
  const failures = bench.steps.filter((step) => step.kind === 'expect' && !step.holds) as {
    text: string;
    seen: string;
  }[];
  if (failures.length > 0) {
    verdict = 'otherwise';
    conclusion = failures.map(({ text, seen }) => `Not so: ${text}: ${seen}.`).join(' ');
  }
  const { name, group, question, background } = definition;
  const seconds = (performance.now() - start) / 1000;
  const { steps } = bench;
  return { name, group, question, background, kernel, steps, verdict, conclusion, seconds, source: sourceOf(name) };
}

/** The kernel that answers. */
const kernel = `Linux ${release()}`;

/** The part of an experiment's file that does it: all that follows its definition. */
export function sourceOf(name: string): Outcome['source'] {
  const file = `src/lab/${name}.ts`;
  let text = '';
  try {
    const whole = readFileSync(new URL(file, packageRoot), 'utf8');
    text = whole.slice(whole.indexOf('\n});\n') + 5).trim();
  } catch {
    // An experiment of somebody else's has no file here.
  }
  return { file, text };
}

/** The harness's side of a lab: what has happened, and what there is to clear away. */
class Bench {
  readonly steps: Step[] = [];
  readonly #open = new Set<number>();
  readonly #names = new Map<number, string>();
  readonly #children = new Set<ChildProcess>();
  #quiet = 0;
  /** The call that was shown last, if that was the last one made. */
  #last: { call: Call; step: { text: string } } | undefined;

  lab(): Lab {
    const sys = recording((call) => this.#made(call));
    const quietly = <T>(calls: () => T): T => {
      this.#quiet++;
      try {
        return calls();
      } finally {
        this.#quiet--;
      }
    };
    const name = (fd: number, text: string): number => {
      this.#names.set(fd, text);
      // The call that opened it was shown before it had its name.
      if (this.#last !== undefined && opened(this.#last.call).includes(fd)) {
        this.#last.step.text = this.#format(this.#last.call);
      }
      return fd;
    };
    const two = (make: (fds: Int32Array) => number, first: string, second: string): [number, number] => {
      const fds = new Int32Array(2);
      succeeded(first, make(fds));
      return [name(fds[0] as number, first), name(fds[1] as number, second)];
    };
    const STREAM = sys.SOCK_STREAM | sys.SOCK_CLOEXEC;
    const socket = (type: number, text: string): number =>
      quietly(() => name(succeeded('socket', sys.socket(sys.AF_INET, type, 0)), text));

    const listener: Lab['listener'] = (text) => {
      const fd = socket(STREAM | sys.SOCK_NONBLOCK, text);
      const address = new sys.SockAddr();
      quietly(() => succeeded('bind', sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port: 0 })));
      succeeded('listen', sys.listen(fd, 64));
      quietly(() => succeeded('getsockname', sys.getsockname(fd, address)));
      return { fd, address: address.toJSON() as plain.InetAddress };
    };
    const client: Lab['client'] = (address, text) => {
      const fd = socket(STREAM, text);
      succeeded('connect', sys.connect(fd, address));
      quietly(() => succeeded('fcntl', sys.fcntl(fd, sys.F_SETFL, sys.O_NONBLOCK)));
      return fd;
    };
    const settled: Lab['settled'] = (fd, events) =>
      quietly(() => {
        const fds = new sys.PollFds(1);
        fds.set(0, fd, events);
        if (sys.poll(fds, 1, 2000) <= 0) throw new Error(`descriptor ${fd} has not become ready within two seconds`);
      });

    return {
      sys,
      quietly,
      name,
      pair: (left, right) => two((sv) => sys.socketpair(sys.AF_UNIX, STREAM | sys.SOCK_NONBLOCK, 0, sv), left, right),
      listener,
      client,
      settled,
      medians,
      say: (text) => {
        this.steps.push({ kind: 'say', text });
      },
      show: (text) => {
        this.steps.push({ kind: 'show', text });
      },
      expect: (text, got, wanted = true) => {
        const holds = isDeepStrictEqual(got, wanted);
        const seen = `expected ${shown(wanted)}, saw ${shown(got)}`;
        this.steps.push(holds ? { kind: 'expect', text, holds } : { kind: 'expect', text, holds, seen });
      },
      needs: (condition, otherwise) => {
        if (!condition) throw new NotRun(otherwise);
      },
      own: (fd) => {
        this.#open.add(fd);
        return fd;
      },
      epoll: (text) => name(succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC)), text),
      pipe: (reader, writer) => two((fds) => sys.pipe2(fds, sys.O_CLOEXEC | sys.O_NONBLOCK), reader, writer),
      tcp: (server, peer) => {
        const door = quietly(() => listener('door'));
        const theirs = client(door.address, peer);
        settled(door.fd, sys.POLLIN);
        const ours = name(succeeded('accept4', sys.accept4(door.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC)), server);
        quietly(() => sys.close(door.fd));
        return [ours, theirs];
      },
      child: (fds, script, given) => this.#child(fds, script, given),
    };
  }

  #format(call: Call): string {
    return formatCall(call, { nameOf: (fd) => this.#names.get(fd) });
  }

  #made(call: Call): void {
    const { name, args, result } = call;
    this.#last = undefined;
    if (this.#quiet === 0) {
      const text = this.#format(call);
      const before = this.steps.at(-1);
      if (before?.kind === 'call' && before.text === text) before.times++;
      else {
        const step = { kind: 'call' as const, text, name, result, times: 1 };
        this.steps.push(step);
        this.#last = { call, step };
      }
    }
    if (name === 'close') {
      this.#open.delete(args[0] as number);
      this.#names.delete(args[0] as number);
    }
    for (const fd of opened(call)) this.#open.add(fd);
  }

  #child(fds: readonly number[], script: Script, given: unknown): Child {
    const url = new URL('dist/src/sys/index.js', packageRoot).href;
    const code = `
      const sys = await import(${JSON.stringify(url)});
      const tell = (value) => sys.write(1, Buffer.from(JSON.stringify(value) + '\\n'));
      const fds = ${JSON.stringify(fds.map((_, i) => 3 + i))};
      (${script})({ sys, fds, given: ${JSON.stringify(given ?? null)}, tell });`;
    const process_ = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit', ...fds],
    });
    this.#children.add(process_);
    const { pid } = process_;
    if (pid === undefined || process_.stdout === null) throw new Error('no other process could be started');
    const lines = createInterface({ input: process_.stdout })[Symbol.asyncIterator]();
    return {
      pid,
      told: async () => {
        const late = new AbortController();
        const line = await Promise.race([
          lines.next(),
          sleep(PATIENCE, undefined, { ref: false, signal: late.signal }).catch(() => undefined),
        ]);
        late.abort();
        if (line === undefined) throw new Error(`process ${pid} has said nothing for ${PATIENCE / 1000} seconds`);
        if (line.done === true) throw new Error(`process ${pid} has ended`);
        return JSON.parse(line.value);
      },
      asleep: () => settlesInto(pid, 'S'),
      stopped: () => settlesInto(pid, 'T'),
      signal: (signal) => {
        process_.kill(signal);
      },
    };
  }

  async clear(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    for (const child of this.#children) child.stdout?.destroy();
    for (const fd of this.#open) plain.close(fd);
    this.#open.clear();
  }
}

/** A value; what may be `-errno` with its name. */
function shown(value: unknown): string {
  const error = typeof value === 'number' && value < 0 ? errorCode(value) : '';
  return inspect(value) + (error === '' || error.startsWith('UNKNOWN') ? '' : ` (-${error})`);
}

/** Waits until a process is in a state, and still is a little later. */
async function settlesInto(pid: number, state: string): Promise<void> {
  const late = performance.now() + PATIENCE;
  for (let calm = 0; calm < 5; calm = stateOf(pid) === state ? calm + 1 : 0) {
    if (performance.now() > late) throw new Error(`process ${pid} does not come to rest`);
    await sleep(5);
  }
}

/** `R` runs or could, `S` sleeps, `T` is stopped: proc_pid_stat(5). */
function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name before it is in parentheses, and may hold anything.
  return stat.charAt(stat.lastIndexOf(')') + 2);
}

function medians<Name extends string>(rounds: number, functions: Record<Name, () => void>): Record<Name, number> {
  const names = Object.keys(functions) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    for (const name of names) {
      const start = process.hrtime.bigint();
      functions[name]();
      if (round >= 0) times.get(name)?.push(Number(process.hrtime.bigint() - start));
    }
  }
  const middle = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1] as number;
  return Object.fromEntries([...times].map(([name, list]) => [name, middle(list)])) as Record<Name, number>;
}
