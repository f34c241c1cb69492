/** Errors of the kernel's that are hard to come by, put into the running server's calls by `strace --inject`. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, start } from '../measure/children.js';
import type { Context, Fault, Tally } from './fault.js';
import { BODY, browse, makeSite, webServers, webTrial } from './site.js';
import type { Subject } from './subject.js';
import { echoServers } from './targets.js';
import { tallyOf, trial } from './trial.js';

const CONNECTIONS = 40;
const SECONDS = { full: 5, short: 0.5 };
/** How long a failure that does not go away lasts, in milliseconds. */
const STANDING = 700;
/** How often a call fails that is tried until it does not. */
const FAILURES = 300;
/** A server that takes more of a CPU while nothing but failing is to be done spins. */
const BUSY = 0.5;
/** How long strace may take to take hold of all threads, and whoever waits for an answer, in milliseconds. */
const PATIENCE = 10_000;

/** All that a server waits with; `?`: not every architecture has each. */
const WAITS = '?epoll_wait,?epoll_pwait,?epoll_pwait2,?poll,?ppoll,?select,?pselect6';

/**
 * A wait is what strace interrupts when it lets a server go, and what is begun anew then: if it were to fail at that moment,
 * it would fail with ENOSYS, which is strace's own. So only a few of the first waits fail: each load makes more.
 */
const UNTIL = '..12';

/** Which calls fail with what; `when` counts as strace's does: `3+5` is the third, and from there each fifth. */
interface Injection {
  readonly calls: string;
  readonly error: string;
  readonly when?: string;
}

interface Storm {
  readonly name: string;
  readonly injections: readonly Injection[];
  /** Whether a newcomer may be refused: the server says why, and closes. */
  readonly refusable?: boolean;
}

const STORMS: readonly Storm[] = [
  {
    name: 'EINTR',
    injections: [
      { calls: 'accept4,recvfrom,sendto', error: 'EINTR', when: '2+3' },
      { calls: WAITS, error: 'EINTR', when: `2${UNTIL}+3` },
    ],
  },
  { name: 'EMFILE', injections: [{ calls: 'accept4', error: 'EMFILE', when: '3+5' }], refusable: true },
  {
    name: 'ENOBUFS',
    injections: [
      { calls: 'accept4', error: 'ENOBUFS', when: '20+50' },
      { calls: 'recvfrom,sendto', error: 'ENOBUFS', when: '3+5' },
    ],
  },
  {
    name: 'ENOMEM',
    injections: [
      { calls: 'accept4', error: 'ENOMEM', when: '20+50' },
      { calls: 'recvfrom,sendto', error: 'ENOMEM', when: '3+5' },
      { calls: '?poll,?ppoll,?select,?pselect6', error: 'ENOMEM', when: `3${UNTIL}+5` },
      { calls: 'epoll_ctl', error: 'ENOMEM', when: '3+5' },
    ],
    refusable: true,
  },
  { name: 'ENOSPC', injections: [{ calls: 'epoll_ctl', error: 'ENOSPC', when: '3+5' }], refusable: true },
];

/** A strace that holds a server. */
class Tracer {
  private constructor(
    readonly strace: Child,
    readonly log: string,
  ) {}

  static async attach(pid: number, injections: readonly Injection[], { folder }: Context): Promise<Tracer> {
    const log = join(folder, `strace-${process.hrtime.bigint()}`);
    const rules = injections.map(
      ({ calls, error, when }) => `inject=${calls}:error=${error}${when ? `:when=${when}` : ''}`,
    );
    const traced = `trace=${injections.map(({ calls }) => calls).join(',')}`;
    const words = ['-f', '-qq', '-o', log, '-p', String(pid), ...[traced, ...rules].flatMap((rule) => ['-e', rule])];
    const strace = start('strace', words);
    const held = (tid: string): boolean =>
      !/^TracerPid:\s+0$/m.test(readFileSync(`/proc/${pid}/task/${tid}/status`, 'latin1'));
    for (const end = performance.now() + PATIENCE; ; await sleep(5)) {
      if (readdirSync(`/proc/${pid}/task`).every(held)) return new Tracer(strace, log);
      const late = performance.now() > end;
      if (!strace.ended && !late) continue;
      await strace.end();
      throw new Error(`strace does not take hold of the server: ${strace.words()}`);
    }
  }

  /** Lets the server go. @returns how many calls it made fail */
  async detach(): Promise<number> {
    await this.strace.end();
    return readFileSync(this.log, 'latin1').match(/\(INJECTED\)$/gm)?.length ?? 0;
  }
}

function sum(tallies: readonly Tally[]): Tally {
  const total = (field: 'connections' | 'broken' | 'connectionsLost' | 'bytesChecked' | 'bytesLost'): number =>
    tallies.reduce((count, tally) => count + tally[field], 0);
  return {
    ...{ connections: total('connections'), broken: total('broken'), connectionsLost: total('connectionsLost') },
    ...{ bytesChecked: total('bytesChecked'), bytesLost: total('bytesLost') },
    evidence: tallies.map(({ evidence }) => evidence).join(', '),
    problems: tallies.flatMap(({ problems }) => problems),
  };
}

async function weather(subject: Subject, storm: Storm, context: Context): Promise<Tally> {
  const tracer = await Tracer.attach(subject.pid, storm.injections, context);
  let failed = 0;
  try {
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    const load = { connections: CONNECTIONS, seconds, most: 8192, halfCloses: 40, refusable: storm.refusable ?? false };
    const result = await subject.unruly(load);
    failed = await tracer.detach();
    const problems: string[] = [];
    // poll and select know no epoll_ctl.
    if (failed === 0 && !storm.injections.every(({ calls }) => calls === 'epoll_ctl')) problems.push('nothing failed');
    if (result.refused > failed) problems.push(`${result.refused} were refused for ${failed} failures`);
    const tally = tallyOf(result, `${failed} × ${storm.name}`, problems);
    return { ...tally, problems: tally.problems.map((problem) => `${storm.name}: ${problem}`) };
  } finally {
    await tracer.strace.end();
  }
}

/** A client that asks and waits. */
class Caller {
  #heard = '';
  #wanted: () => void = () => {};
  #asked = 0;

  private constructor(readonly socket: Socket) {
    socket.on('data', (data) => {
      this.#heard += data.toString('latin1');
      this.#wanted();
    });
    socket.on('error', () => {});
  }

  static async to({ host, port }: Subject): Promise<Caller> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    return new Caller(socket);
  }

  say(text: string): void {
    this.socket.write(text);
    this.#asked += text.length;
  }

  /** Waits for a word. @returns whether it is what `words` are */
  async hears(words: RegExp): Promise<boolean> {
    await this.#until(() => this.#heard !== '');
    return words.test(this.#heard);
  }

  /** @returns how many bytes of what was said have not come back in time, or came back as others */
  async missing(expected: string): Promise<number> {
    await this.#until(() => this.#heard.length >= expected.length);
    return this.#heard === expected ? 0 : this.#asked;
  }

  async #until(done: () => boolean): Promise<void> {
    const end = performance.now() + PATIENCE;
    while (!done() && performance.now() < end) {
      const news = new Promise<void>((resolve) => {
        this.#wanted = resolve;
      });
      await Promise.race([news, sleep(100)]);
    }
  }
}

/** As `weather`, for `web`: nobody is refused, for every answer must be the page. */
async function surf(subject: Subject, storm: Storm, page: string, context: Context): Promise<Tally> {
  const tracer = await Tracer.attach(subject.pid, storm.injections, context);
  try {
    const seconds = context.short ? SECONDS.short : SECONDS.full;
    const { requests, wrong, failures, why } = await browse(subject, page, CONNECTIONS, seconds);
    const failed = await tracer.detach();
    const problems = why === '' ? [] : [why];
    if (failed === 0) problems.push('nothing failed');
    return {
      ...{ connections: CONNECTIONS, broken: 0, connectionsLost: failures },
      ...{ bytesChecked: requests * BODY, bytesLost: wrong * BODY, evidence: `${failed} × ${storm.name}` },
      problems: problems.map((problem) => `${storm.name}: ${problem}`),
    };
  } finally {
    await tracer.strace.end();
  }
}

/** What a lasting failure was, and whether the server span meanwhile. */
function lasting({ calls, error }: Injection, failed: number, busy: number, tally: Partial<Tally>): Tally {
  const what = `a lasting ${error} of ${calls}`;
  const problems: string[] = [];
  if (failed === 0) problems.push(`${what}: nothing failed`);
  if (busy > BUSY) problems.push(`${what}: it spins, with ${(busy * 100).toFixed(0)} % of a CPU`);
  const nothing = { connections: 0, broken: 0, bytesChecked: 0, bytesLost: 0 };
  return {
    ...{ ...nothing, connectionsLost: (tally.bytesLost ?? 0) > 0 ? 1 : 0, evidence: `${failed} × ${what}`, problems },
    ...tally,
  };
}

/** The part of a CPU that a server takes from now on. */
function busyness(subject: Subject): () => number {
  const begin = performance.now();
  const { cpu } = subject;
  return () => (subject.cpu - cpu) / 1e6 / (performance.now() - begin);
}

/** Nobody can be let in for a while: those who are in are served all the same, and who waits is let in afterwards. */
async function shutOut(subject: Subject, context: Context): Promise<Tally> {
  const injection = { calls: 'accept4', error: 'EMFILE' };
  const old = await Caller.to(subject);
  old.say('before');
  let lost = await old.missing('before');
  const tracer = await Tracer.attach(subject.pid, [injection], context);
  try {
    const newcomer = await Caller.to(subject);
    newcomer.say('may I?');
    const busy = busyness(subject);
    await sleep(STANDING);
    const share = busy();
    old.say(', and after');
    lost += await old.missing('before, and after');
    const failed = await tracer.detach();
    // The accept that fails is followed by one for which the server has given up a descriptor. Let go in between, the
    // server has nobody to keep, and says so.
    const refused = await newcomer.hears(/^[\w-]+: no descriptors left, try again later\n$/);
    if (!refused) lost += await newcomer.missing('may I?');
    for (const { socket } of [old, newcomer]) socket.destroy();
    const bytesChecked = 17 + (refused ? 0 : 6) - lost;
    return lasting(injection, failed, share, {
      connections: 2,
      broken: refused ? 1 : 0,
      bytesChecked,
      bytesLost: lost,
    });
  } finally {
    await tracer.strace.end();
  }
}

/** Nothing can be sent for a while: it is sent afterwards. */
async function starve(subject: Subject, context: Context): Promise<Tally> {
  // It ends by itself: whoever lets go of a process in the middle of a call makes it fail with something else.
  const injection = { calls: 'sendto', error: 'ENOBUFS', when: `1..${FAILURES}` };
  const tracer = await Tracer.attach(subject.pid, [injection], context);
  try {
    const client = await Caller.to(subject);
    const busy = busyness(subject);
    client.say('hello?');
    const lost = await client.missing('hello?');
    const share = busy();
    client.socket.destroy();
    const failed = await tracer.detach();
    return lasting(injection, failed, share, { connections: 1, bytesChecked: 6 - lost, bytesLost: lost });
  } finally {
    await tracer.strace.end();
  }
}

export const injected: Fault = {
  name: 'failing-calls',
  summary:
    "EINTR, EMFILE, ENOBUFS, ENOMEM and ENOSPC in the server's calls, by strace; then an EMFILE and an ENOBUFS that last",
  targets: () => [...echoServers, ...webServers],
  missing() {
    const { error, status } = spawnSync('strace', ['-qq', '-e', 'inject=getppid:error=EPERM', 'true'], {
      stdio: 'ignore',
    });
    if (error) return 'strace is not installed';
    return status === 0 ? undefined : 'strace can trace nothing here';
  },
  async run(target, context) {
    if (webServers.includes(target)) {
      const site = makeSite(context);
      return [
        await trial(this, target, context, webTrial(site), async (subject) => {
          const tallies: Tally[] = [];
          for (const storm of STORMS.filter(({ refusable = false }) => !refusable)) {
            tallies.push(await surf(subject, storm, site.page, context));
          }
          return sum(tallies);
        }),
      ];
    }
    return [
      await trial(this, target, context, {}, async (subject) => {
        const tallies: Tally[] = [];
        for (const storm of STORMS) tallies.push(await weather(subject, storm, context));
        tallies.push(await shutOut(subject, context), await starve(subject, context));
        return sum(tallies);
      }),
    ];
  },
};
