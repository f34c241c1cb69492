/**
 * What a trace tells of its descriptors: what each one is, when it could be read and written, which write caused which wake-up.
 * Some of it is inferred, since the kernel tells readiness only when it is asked; the timeline's legend says what.
 */
import * as sys from '../sys/index.js';
import type { Arrow, Family, Kind, Lane, Spell, Told } from './drawing.js';
import type { TraceCall } from './event.js';
import { type EventData, epollMask, type PollData, pollMask, type SetData, type WindowData } from './format.js';

export interface Lanes {
  readonly lanes: readonly Lane[];
  readonly rows: number;
  readonly spells: readonly Spell[];
  readonly told: readonly Told[];
  readonly arrows: readonly Arrow[];
  /** The lane of each call. */
  readonly laneOf: readonly number[];
}

const FAMILIES: Readonly<Record<Exclude<Family, 'control'>, readonly string[]>> = {
  wait: ['epoll_wait', 'epoll_pwait2', 'poll', 'ppoll', 'select', 'pselect'],
  read: ['read', 'recv', 'recvfrom'],
  write: ['write', 'send', 'sendto', 'shutdown'],
  open: [
    'socket',
    'socketpair',
    'accept4',
    'connect',
    'pipe2',
    'dup',
    'epoll_create1',
    'eventfd',
    'timerfd_create',
    'pidfd_open',
    'inotify_init1',
  ],
  close: ['close'],
};
const families = new Map(
  Object.entries(FAMILIES).flatMap(([family, names]) => names.map((name) => [name, family as Family] as const)),
);

export function familyOf(name: string): Family {
  return families.get(name) ?? 'control';
}

/** Whether a wait may block: its timeout is not 0. */
export function mayBlock({ name, args }: TraceCall): boolean {
  const timeout = args[TIMEOUT_AT[name] ?? -1];
  return name in TIMEOUT_AT && timeout !== 0;
}
const TIMEOUT_AT: Readonly<Record<string, number>> = {
  epoll_wait: 3,
  epoll_pwait2: 3,
  poll: 2,
  ppoll: 2,
  select: 4,
  pselect: 4,
};

const STANDARD = ['stdin', 'stdout', 'stderr'];

const READABLE = sys.EPOLLIN | sys.EPOLLRDHUP | sys.EPOLLHUP | sys.EPOLLERR;
const WRITABLE = sys.EPOLLOUT | sys.EPOLLERR;

export function addressText(value: unknown): string {
  const address = value as sys.Address | null | undefined;
  if (address === null || address === undefined) return '';
  if (address.family === 'unix') return address.path.replace(/^\0/, '@');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

/** What descriptors refer to: several do to one after a `dup`. */
interface Thing {
  readonly lanes: Set<number>;
  /** Whose writes make it readable, and whose reads make it writable. */
  peer?: Thing;
  /** Calls that will have caused the next wake-up. */
  causesOfInput: Cause[];
  causesOfRoom: Cause[];
  full: boolean;
  /** Something has been written since a wait told that it could be. */
  written: boolean;
  local: string;
  remote: string;
  /** Of a listener: who has knocked and has not been accepted. */
  readonly knocking: Thing[];
  accepted: number;
}

interface Cause {
  readonly call: number;
  readonly lane: number;
  readonly start: number;
  readonly end: number;
}

/** What an epoll set holds. */
interface Interest {
  /** By descriptor and tag, which is what an event comes with. */
  readonly lanes: Map<string, number>;
  /** The events asked for, by lane. */
  readonly events: Map<number, number>;
}

/** Follows a trace from call to call. */
class Follower {
  readonly lanes: Lane[] = [];
  readonly things: Thing[] = [];
  readonly spells: Spell[] = [];
  readonly told: Told[] = [];
  readonly arrows: Arrow[] = [];
  readonly laneOf: number[] = [];
  readonly #open = new Map<number, number>();
  /** The spells that go on, by lane and way. */
  readonly #going = new Map<string, Spell>();
  readonly #listeners = new Map<string, Thing>();
  readonly #sets = new Map<number, Interest>();
  readonly #waits = new Map<string, number>();
  readonly #numbers = new Map<string, number>();
  readonly #severalThreads: boolean;
  #at = 0;
  #call: TraceCall = { name: '', args: [], result: 0, thread: 0, start: 0, duration: 0 };

  constructor(severalThreads: boolean) {
    this.#severalThreads = severalThreads;
  }

  get #end(): number {
    return this.#call.start + this.#call.duration;
  }

  follow(call: TraceCall): void {
    this.#call = call;
    this.#at = this.laneOf.length;
    const lane = this.#place(call);
    this.laneOf.push(lane);
  }

  /** The lane of a call, after it has changed what is known. */
  #place(call: TraceCall): number {
    const { name, args, result } = call;
    const fd = args[0] as number;
    switch (name) {
      case 'epoll_create1':
        return this.#opened(result, 'epoll', 'epoll');
      case 'eventfd':
        return this.#opened(result, 'event', 'eventfd');
      case 'timerfd_create':
        return this.#opened(result, 'timer', 'timer');
      case 'inotify_init1':
        return this.#opened(result, 'inotify', 'inotify');
      case 'pidfd_open':
        return this.#opened(result, 'process', `process ${String(fd)}`);
      case 'socket': {
        const datagram = ((args[1] as number) & 0xf) === sys.SOCK_DGRAM;
        return this.#opened(result, datagram ? 'datagram' : 'socket', datagram ? 'datagram socket' : 'socket');
      }
      case 'socketpair':
        return this.#two(args[3] as number[], 'connection', 'socket pair', ['left', 'right']);
      case 'pipe2':
        return this.#two(args[0] as number[], 'pipe', 'pipe', ['reading end', 'writing end']);
      case 'dup':
        return this.#copied(fd, result);
      case 'fcntl':
        if (args[1] === sys.F_DUPFD || args[1] === sys.F_DUPFD_CLOEXEC) return this.#copied(fd, result);
        return this.#lane(fd);
      case 'poll':
      case 'ppoll':
        return this.#polled();
      case 'select':
      case 'pselect':
        return this.#selected();
      case 'getrlimit':
      case 'setrlimit':
        return this.#shared('other calls', 'other');
      default:
        return this.#used(this.#lane(fd, name), call);
    }
  }

  #used(lane: number, { name, args, result }: TraceCall): number {
    const thing = this.#thing(lane);
    switch (name) {
      case 'bind':
        if (result >= 0) thing.local = this.#about(lane, addressText(args[1]));
        break;
      case 'getsockname':
        if (result >= 0) {
          thing.local = addressText(args[1]);
          if (this.lanes[lane]?.kind === 'listener') this.#listens(lane, thing);
        }
        break;
      case 'getpeername':
        if (result >= 0 && thing.remote === '') thing.remote = this.#about(lane, addressText(args[1]));
        break;
      case 'listen':
        if (result >= 0) this.#listens(lane, thing);
        break;
      case 'connect':
        this.#connected(lane, thing, addressText(args[1]));
        break;
      case 'accept4':
        this.#accepted(lane, thing);
        break;
      case 'read':
      case 'recv':
      case 'recvfrom':
        this.#read(lane, thing);
        break;
      case 'write':
      case 'send':
      case 'sendto':
        this.#wrote(lane, thing);
        break;
      case 'shutdown':
        if (result >= 0 && args[1] !== sys.SHUT_RD && thing.peer) this.#causes(thing.peer.causesOfInput, lane);
        break;
      case 'close':
        if (result >= 0) this.#closed(lane, thing, args[0] as number);
        break;
      case 'timerfd_settime':
        this.#ends(lane, 'readable', this.#end);
        break;
      case 'epoll_ctl':
        if (result >= 0) this.#controlled(lane);
        break;
      case 'epoll_wait':
      case 'epoll_pwait2':
        return this.#waited(lane);
    }
    return lane;
  }

  // What a descriptor is

  #create(fd: number | null, kind: Kind, name: string, opened: number | null, thing?: Thing): number {
    const lane = this.lanes.length;
    this.lanes.push({ fd, kind, name, about: '', opened, closed: null, row: 0 });
    const its = thing ?? {
      lanes: new Set(),
      causesOfInput: [],
      causesOfRoom: [],
      full: false,
      written: false,
      local: '',
      remote: '',
      knocking: [],
      accepted: 0,
    };
    its.lanes.add(lane);
    this.things.push(its);
    if (fd !== null) this.#open.set(fd, lane);
    return lane;
  }

  #opened(fd: number, kind: Kind, name: string, thing?: Thing): number {
    if (fd < 0) return this.#shared('failed calls', 'other');
    // Something else than these calls has closed the one before.
    const before = this.#open.get(fd);
    if (before !== undefined) this.#close(before, this.#call.start);
    return this.#create(fd, kind, this.#numbered(name, kind), this.#call.start, thing);
  }

  /** The first of a name goes without a number, but for clients, who are counted. */
  #numbered(name: string, kind: Kind): string {
    const number = (this.#numbers.get(name) ?? 0) + 1;
    this.#numbers.set(name, number);
    return number === 1 && kind !== 'client' ? name : `${name} ${number}`;
  }

  #two(fds: readonly number[], kind: Kind, name: string, ends: readonly [string, string]): number {
    if (this.#call.result < 0) return this.#shared('failed calls', 'other');
    const whole = this.#numbered(name, kind);
    const [first, second] = ends.map((end, i) => this.#opened(fds[i] as number, kind, `${whole}, ${end}`)) as [
      number,
      number,
    ];
    this.#pair(this.#thing(first), this.#thing(second));
    return first;
  }

  #copied(fd: number, copy: number): number {
    const lane = this.#lane(fd);
    if (copy < 0) return lane;
    const { kind, name } = this.lanes[lane] as Lane;
    return this.#opened(copy, kind, `copy of ${name}`, this.#thing(lane));
  }

  /** The lane of an open descriptor; of one whose opening has not been seen, what the call makes likely. */
  #lane(fd: number, name = ''): number {
    const known = this.#open.get(fd);
    if (known !== undefined) return known;
    if (name.startsWith('epoll_')) return this.#create(fd, 'epoll', this.#numbered('epoll', 'epoll'), null);
    if (name === 'accept4') return this.#create(fd, 'listener', this.#numbered('listener', 'listener'), null);
    const standard = STANDARD[fd];
    return this.#create(fd, standard ? 'standard' : 'other', standard ?? `descriptor ${fd}`, null);
  }

  /** A lane for calls that have no descriptor. */
  #shared(name: string, kind: Kind): number {
    const key = kind === 'wait' && this.#severalThreads ? `${name}, thread ${this.#call.thread}` : name;
    const lane = this.#waits.get(key) ?? this.#create(null, kind, key, null);
    this.#waits.set(key, lane);
    return lane;
  }

  #thing(lane: number): Thing {
    return this.things[lane] as Thing;
  }

  #about(lane: number, text: string): string {
    const known = this.lanes[lane] as Lane;
    if (text !== '') known.about = text;
    return text;
  }

  #rename(lane: number, kind: Kind, name: string): void {
    const known = this.lanes[lane] as Lane;
    if (known.kind === kind) return;
    known.kind = kind;
    known.name = this.#numbered(name, kind);
  }

  #pair(one: Thing, other: Thing): void {
    one.peer = other;
    other.peer = one;
  }

  #listens(lane: number, thing: Thing): void {
    this.#rename(lane, 'listener', 'listener');
    this.#about(lane, thing.local);
    this.#listeners.set(thing.local, thing);
  }

  #connected(lane: number, thing: Thing, address: string): void {
    const { result } = this.#call;
    if (result < 0 && result !== -sys.EINPROGRESS) return;
    this.#rename(lane, 'connection', 'connection');
    thing.remote = this.#about(lane, address);
    const listener = this.#listeners.get(address) ?? this.#listeners.get(address.replace(/^.*:/, '0.0.0.0:'));
    if (listener === undefined) return;
    listener.knocking.push(thing);
    this.#causes(listener.causesOfInput, lane);
  }

  #accepted(lane: number, thing: Thing): void {
    const { result, args } = this.#call;
    this.#rename(lane, 'listener', 'listener');
    this.#consumed(lane, thing, result === -sys.EAGAIN);
    if (result < 0) return;
    const who = this.#opened(result, 'client', 'client');
    const its = this.#thing(who);
    its.remote = this.#about(who, addressText(args[2]));
    const byAddress = thing.knocking.findIndex(({ local }) => local !== '' && local === its.remote);
    // One whose address is not known may be who it is: the kernel keeps the order.
    const inOrder = thing.knocking.findIndex(({ local }) => local === '' || its.remote === '');
    const found = byAddress < 0 ? inOrder : byAddress;
    const [peer] = found < 0 ? [] : thing.knocking.splice(found, 1);
    if (peer === undefined) return;
    this.#pair(its, peer);
    // What was sent before anybody had accepted.
    its.causesOfInput = peer.causesOfRoom.splice(0);
  }

  // Readiness

  #starts(lane: number, way: Spell['way'], start: number): void {
    const key = `${way} ${lane}`;
    if (this.#going.has(key)) return;
    const spell: Spell = { lane, way, start, end: null };
    this.#going.set(key, spell);
    this.spells.push(spell);
  }

  #ends(lane: number, way: Spell['way'], end: number): void {
    for (const each of this.#thing(lane).lanes) {
      const key = `${way} ${each}`;
      const spell = this.#going.get(key);
      if (spell === undefined) continue;
      spell.end = Math.max(end, spell.start);
      this.#going.delete(key);
    }
  }

  #causes(list: Cause[], lane: number): void {
    list.push({ call: this.#at, lane, start: this.#call.start, end: this.#end });
  }

  #wakes(causes: Cause[], lane: number): number | undefined {
    const first = causes[0]?.end;
    for (const { call, lane: fromLane } of causes.splice(0)) {
      this.arrows.push({ from: call, fromLane, to: this.#at, toLane: lane });
    }
    return first;
  }

  /** A descriptor has been read or accepted from. */
  #consumed(lane: number, thing: Thing, dry: boolean): void {
    // A call that was there before the data came has been woken by it.
    const woken = thing.causesOfInput.filter(({ start }) => start > this.#call.start);
    if (woken.length > 0 && this.#call.result >= 0) this.#wakes(woken, lane);
    if (!dry) return;
    thing.causesOfInput.length = 0;
    this.#ends(lane, 'readable', this.#call.result === -sys.EAGAIN ? this.#call.start : this.#end);
  }

  #read(lane: number, thing: Thing): void {
    const { result, args, name } = this.#call;
    const { kind } = this.lanes[lane] as Lane;
    const asked = (args[1] as WindowData).length;
    const peeked = name !== 'read' && ((args[4] as number) & sys.MSG_PEEK) !== 0;
    const emptied = kind === 'event' || kind === 'timer' || (kind !== 'datagram' && result > 0 && result < asked);
    this.#consumed(lane, thing, result === -sys.EAGAIN || (emptied && !peeked));
    if (result > 0 && thing.peer?.full) this.#causes(thing.peer.causesOfRoom, lane);
  }

  #wrote(lane: number, thing: Thing): void {
    const { result, args } = this.#call;
    const { kind } = this.lanes[lane] as Lane;
    if (result === -sys.EAGAIN || (result >= 0 && result < (args[1] as WindowData).length)) {
      thing.full = true;
      this.#ends(lane, 'writable', result < 0 ? this.#call.start : this.#end);
    }
    if (result <= 0) return;
    thing.written = true;
    if (kind === 'event') this.#causes(thing.causesOfInput, lane);
    else if (thing.peer) this.#causes(thing.peer.causesOfInput, lane);
    // Nobody has accepted it yet: `#accepted` hands this on.
    else if (kind === 'connection') this.#causes(thing.causesOfRoom, lane);
  }

  #closed(lane: number, thing: Thing, fd: number): void {
    this.#close(lane, this.#call.start);
    this.#open.delete(fd);
    const open = [...thing.lanes].some((each) => this.lanes[each]?.closed === null);
    if (!open && thing.peer) this.#causes(thing.peer.causesOfInput, lane);
  }

  #close(lane: number, at: number): void {
    const known = this.lanes[lane] as Lane;
    known.closed = at;
    for (const way of ['readable', 'writable'] as const) {
      const key = `${way} ${lane}`;
      const spell = this.#going.get(key);
      if (spell !== undefined) spell.end = Math.max(at, spell.start);
      this.#going.delete(key);
    }
  }

  // Waits

  #controlled(epoll: number): void {
    const [, op, fd, events, tag] = this.#call.args as number[] as [number, number, number, number, number];
    const lane = this.#lane(fd);
    const set = this.#sets.get(epoll) ?? { lanes: new Map(), events: new Map() };
    this.#sets.set(epoll, set);
    set.events.delete(lane);
    if (op === sys.EPOLL_CTL_DEL) return;
    set.lanes.set(`${fd} ${tag ?? 0}`, lane);
    set.events.set(lane, events >>> 0);
  }

  #waited(epoll: number): number {
    const { result, args } = this.#call;
    if (result < 0) return epoll;
    const set = this.#sets.get(epoll);
    const told = new Map<number, number>();
    for (const { fd, tag, events } of args[1] as EventData[]) {
      const lane = set?.lanes.get(`${fd} ${tag}`) ?? this.#lane(fd);
      told.set(lane, events);
      const edge = ((set?.events.get(lane) ?? 0) & sys.EPOLLET) !== 0;
      this.#tells(lane, events, epollMask(events), edge);
    }
    if (result < (args[2] as number)) {
      // An edge is told once: silence says nothing.
      this.#silent((lane) => {
        const events = set?.events.get(lane) ?? 0;
        return events & sys.EPOLLET ? 0 : events;
      }, told);
    }
    return epoll;
  }

  #polled(): number {
    const lane = this.#shared('poll', 'wait');
    const { result, args } = this.#call;
    if (result < 0) return lane;
    const watched = new Map<number, number>();
    const told = new Map<number, number>();
    for (const { fd, events, revents } of args[0] as PollData[]) {
      if (fd < 0) continue;
      const its = this.#lane(fd);
      watched.set(its, events);
      if (revents === 0) continue;
      told.set(its, revents);
      this.#tells(its, revents, pollMask(revents));
    }
    this.#silent((each) => watched.get(each) ?? 0, told);
    return lane;
  }

  #selected(): number {
    const lane = this.#shared('select', 'wait');
    const { result, args } = this.#call;
    if (result < 0) return lane;
    const watched = new Map<number, number>();
    const told = new Map<number, [events: number, names: string[]]>();
    const sets = [
      ['readfds', sys.EPOLLIN],
      ['writefds', sys.EPOLLOUT],
      ['exceptfds', sys.EPOLLPRI],
    ] as const;
    for (const [i, [name, event]] of sets.entries()) {
      const set = (args[i + 1] ?? null) as SetData | null;
      for (const fd of set?.before ?? []) {
        const its = this.#lane(fd);
        watched.set(its, (watched.get(its) ?? 0) | event);
      }
      for (const fd of set?.after ?? []) {
        const its = this.#lane(fd);
        const [events, names] = told.get(its) ?? [0, []];
        told.set(its, [events | event, [...names, name]]);
      }
    }
    for (const [its, [events, names]] of told) this.#tells(its, events, names.join('|'));
    this.#silent((each) => watched.get(each) ?? 0, new Map([...told].map(([its, [events]]) => [its, events])));
    return lane;
  }

  #tells(lane: number, events: number, names: string, edge = false): void {
    const thing = this.#thing(lane);
    // An edge is a change, also one whose cause is not in this trace.
    const again =
      !edge &&
      (!(events & READABLE) || (this.#going.has(`readable ${lane}`) && thing.causesOfInput.length === 0)) &&
      (!(events & WRITABLE) || (this.#going.has(`writable ${lane}`) && !thing.written));
    this.told.push({ lane, call: this.#at, events: names, again });
    if (events & READABLE) {
      const since = this.#wakes(thing.causesOfInput, lane);
      this.#starts(lane, 'readable', Math.min(since ?? this.#end, this.#end));
    }
    if (events & WRITABLE) {
      const since = this.#wakes(thing.causesOfRoom, lane);
      this.#starts(lane, 'writable', Math.min(since ?? this.#end, this.#end));
      thing.full = false;
      thing.written = false;
    }
  }

  /** A wait that asked for a descriptor and did not tell of it: it is not ready, or no longer. */
  #silent(asked: (lane: number) => number, told: ReadonlyMap<number, number>): void {
    for (const { lane, way } of [...this.#going.values()]) {
      const [event, telling] = way === 'readable' ? [sys.EPOLLIN, READABLE] : [sys.EPOLLOUT, WRITABLE];
      if (asked(lane) & event && !((told.get(lane) ?? 0) & telling)) this.#ends(lane, way, this.#call.start);
    }
  }
}

/** The order of the rows: who waits first, then who is waited for. */
const ORDER: Readonly<Partial<Record<Kind, number>>> = { epoll: 0, wait: 0, listener: 1, other: 3 };

/** Gives each lane its row. @returns how many rows there are */
function arrange(lanes: readonly Lane[]): number {
  const rows = new Map<string, Lane[]>();
  for (const lane of lanes) {
    const key = lane.fd === null ? lane.name : `${lane.fd} ${lane.kind}`;
    const its = rows.get(key) ?? [];
    its.push(lane);
    rows.set(key, its);
  }
  const rank = ([first]: Lane[]): number => ORDER[first?.kind ?? 'other'] ?? 2;
  const sorted = [...rows.values()].sort((a, b) => rank(a) - rank(b));
  for (const [row, its] of sorted.entries()) for (const lane of its) lane.row = row;
  return sorted.length;
}

/** What the calls of a trace, in the order in which they returned, tell of its descriptors. */
export function followCalls(calls: readonly TraceCall[]): Lanes {
  const waiting = new Set(calls.filter(({ name }) => familyOf(name) === 'wait').map(({ thread }) => thread));
  const follower = new Follower(waiting.size > 1);
  for (const call of calls) follower.follow(call);
  const { lanes, spells, told, arrows, laneOf } = follower;
  return { lanes, rows: arrange(lanes), spells, told, arrows, laneOf };
}
