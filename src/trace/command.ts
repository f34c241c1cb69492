/** What `fdmux trace` does, apart from the command line: where calls come from, and in which forms they go where. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { chromeTrace } from './chrome.js';
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { jsonLine, type KeptTrace, NoTrace, parseTrace } from './json.js';
import { exitCodeOf, runTraced, type Target } from './run.js';
import { concerns, namesOf } from './select.js';
import { TraceText } from './text.js';

/** What is refused before anything runs: wrong usage. */
export class Refused extends Error {}

/** What can be asked of the command; files may be `-`, which is stdout. */
export interface Wishes {
  readonly only?: readonly string[];
  readonly fd?: readonly number[];
  readonly output?: string;
  readonly durations: boolean;
  readonly relative: boolean;
  readonly clock: 0 | 1 | 2 | 3;
  readonly json?: string;
  readonly chrome?: string;
  readonly html?: string;
  readonly from: readonly string[];
  readonly beside?: string;
}

/** A page, and a viewer's file, are made of the whole trace: this many calls are kept for them. */
export const KEPT = 200_000;

/** The exit code of a command whose reader has left: SIGPIPE would have ended another. */
const LEFT = 141;

/** A file that is written to; `-` is stdout, nothing is stderr. */
class Output {
  readonly #fd: number;

  /** @throws Refused for a file that cannot be written */
  constructor(path?: string) {
    this.#fd = path === undefined ? 2 : path === '-' ? 1 : opened(path);
  }

  /** @throws SystemError EPIPE when the reader has left, ENOSPC… */
  write(text: string): void {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
        // A terminal or pipe that somebody has made non-blocking, and that is full.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  }

  close(): void {
    if (this.#fd > 2) closeSync(this.#fd);
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new Refused(`${path} cannot be written: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno ?? 0)?.[1] ?? (error as Error).message;
}

/** @throws Refused for what is no trace */
export function readTrace(path: string): KeptTrace {
  try {
    return parseTrace(readFileSync(path === '-' ? 0 : path, 'utf8'));
  } catch (error) {
    if (error instanceof NoTrace) throw new Refused(`${path} is no trace of --json's: ${error.message}`);
    throw new Refused(`${path} cannot be read: ${reason(error)}`);
  }
}

/** A trace on its way into the forms that are wanted. */
class Forms {
  readonly #wishes: Wishes;
  readonly #text: Output | undefined;
  readonly #json: Output | undefined;
  readonly #chrome: Output | undefined;
  readonly #html: Output | undefined;
  readonly #fds: ReadonlySet<number> | undefined;
  readonly #kept: TraceCall[] = [];
  #lines = new TraceText({ started: '', pid: 0 });
  #header: TraceHeader | undefined;
  #dropped = 0;
  count = 0;

  /** @param text where the text goes if it is wanted without a file */
  constructor(wishes: Wishes, text: string | undefined) {
    this.#wishes = wishes;
    const { output, json, chrome, html, fd } = wishes;
    const path = output ?? text;
    const wanted = output !== undefined || [json, chrome, html].every((file) => file === undefined);
    this.#text = wanted ? new Output(path) : undefined;
    this.#json = json === undefined ? undefined : new Output(json);
    this.#chrome = chrome === undefined ? undefined : new Output(chrome);
    this.#html = html === undefined ? undefined : new Output(html);
    this.#fds = fd === undefined ? undefined : new Set(fd);
  }

  began(header: TraceHeader): void {
    this.#header = header;
    this.#lines = new TraceText(header, this.#wishes);
    this.#json?.write(jsonLine(header));
  }

  made(calls: readonly TraceCall[]): void {
    const fds = this.#fds;
    const wanted = fds === undefined ? calls : calls.filter((call) => concerns(call, fds));
    this.count += wanted.length;
    this.#text?.write(wanted.map((call) => this.#lines.line(call)).join(''));
    this.#json?.write(wanted.map(jsonLine).join(''));
    if (this.#chrome === undefined && this.#html === undefined) return;
    const room = Math.max(KEPT - this.#kept.length, 0);
    for (const call of wanted.slice(0, room)) this.#kept.push(call);
    this.#dropped += Math.max(wanted.length - room, 0);
  }

  /** @param beside another trace for the page */
  async ended(end: TraceEnd | undefined, beside: readonly KeptTrace[]): Promise<void> {
    const header = this.#header as TraceHeader;
    this.#text?.write(end === undefined ? '' : this.#lines.end(end));
    this.#json?.write(end === undefined ? '' : jsonLine(end));
    const dropped = (end?.dropped ?? 0) + this.#dropped;
    const trace: KeptTrace = { header, calls: this.#kept };
    if (end !== undefined || dropped > 0) trace.end = { ...end, dropped };
    if (this.#chrome !== undefined) this.#chrome.write(JSON.stringify(chromeTrace(header, trace.calls, trace.end)));
    if (this.#html !== undefined) {
      const { renderTimeline } = await import('./timeline.js');
      this.#html.write(renderTimeline([trace, ...beside]));
    }
    if (this.#dropped > 0) {
      process.stderr.write(`fdmux: ${this.#dropped} calls after the first ${KEPT} are not in the drawing\n`);
    }
    for (const output of [this.#text, this.#json, this.#chrome, this.#html]) output?.close();
  }
}

function check(target: Target | undefined, { from, html, json, chrome, output, beside }: Wishes): void {
  if (target !== undefined && from.length > 0) throw new Refused('either a target or --from, not both');
  if (target === undefined && from.length === 0) {
    throw new Refused('a target is missing: a program, an experiment or a file; or --from FILE');
  }
  if (beside !== undefined && html === undefined) throw new Refused('--beside is for the page of --html');
  const traces = Math.max(from.length, 1) + (beside === undefined ? 0 : 1);
  if (traces > 2) throw new Refused(`a page shows two traces at most, not ${traces}`);
  const others = json !== undefined || chrome !== undefined || output !== undefined;
  if (from.length > 1 && (html === undefined || others)) {
    throw new Refused('two traces can be shown side by side only: --from twice is for --html alone');
  }
}

/** @throws Refused for a name that is no system call of fdmux's */
function namesAsked(only: readonly string[]): ReadonlySet<string> {
  try {
    return namesOf(only);
  } catch (error) {
    throw new Refused(`--only: ${(error as Error).message}`);
  }
}

/**
 * Runs a target, or reads a trace, and shows it.
 * @returns the exit code: the target's
 * @throws Refused before anything has run
 */
export async function act(target: Target | undefined, wishes: Wishes): Promise<number> {
  check(target, wishes);
  const only = wishes.only === undefined ? undefined : namesAsked(wishes.only);
  const [first, ...others] = [...wishes.from, ...(wishes.beside === undefined ? [] : [wishes.beside])].map(readTrace);
  try {
    if (target === undefined) {
      await convert(first as KeptTrace, only, wishes, others);
      return 0;
    }
    return await run(target, only, wishes, first === undefined ? [] : [first]);
  } catch (error) {
    // `fdmux trace … 2>&1 | head`.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return LEFT;
    throw error;
  }
}

async function convert(
  { header, calls, end }: KeptTrace,
  only: ReadonlySet<string> | undefined,
  wishes: Wishes,
  beside: readonly KeptTrace[],
): Promise<void> {
  const forms = new Forms(wishes, '-');
  forms.began(header);
  forms.made(only === undefined ? calls : calls.filter(({ name }) => only.has(name)));
  await forms.ended(end, beside);
}

async function run(
  target: Target,
  only: ReadonlySet<string> | undefined,
  wishes: Wishes,
  beside: readonly KeptTrace[],
): Promise<number> {
  const forms = new Forms(wishes, undefined);
  const end = await runTraced(target, only && [...only], forms);
  await forms.ended(end, beside);
  if (forms.count === 0) {
    const filtered = wishes.only !== undefined || wishes.fd !== undefined;
    const which = filtered ? 'no call of those asked for' : 'no system call';
    process.stderr.write(`fdmux: ${which} was made through fdmux\n`);
  }
  return exitCodeOf(end);
}
