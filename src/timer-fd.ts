/**
 * A timer that can be waited for, beside sockets and in a blocked thread.
 *
 * ```ts
 * import { select, TimerFd } from 'fdmux';
 * using timer = new TimerFd();
 * timer.set(0.25, 1000); // in 250 µs, and then every second
 * select([timer], [], []);
 * console.log(timer.read()); // 1
 * ```
 */
import { succeeded } from './error.js';
import { Owner } from './owner.js';
import { outOfRange, refuse } from './sys/check.js';
import * as sys from './sys/index.js';

/** What a timer is set to, in milliseconds with fractions. */
export interface TimerSetting {
  /** The time left until it expires, 0 when it is disarmed. */
  value: number;
  /** What comes between two expirations, 0 when it expires once. */
  interval: number;
}

/** The longest time: 285,000 years, in milliseconds. */
const LONGEST = Number.MAX_SAFE_INTEGER;

/** Seconds and nanoseconds, rounded up: never early. */
function toTimespec(name: string, ms: number): [seconds: number, nanoseconds: number] {
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= LONGEST)) {
    refuse(name, `>= 0 && <= ${LONGEST} (milliseconds)`, ms);
  }
  const seconds = Math.floor(ms / 1000);
  const ns = Math.ceil((ms - seconds * 1000) * 1e6);
  return ns < 1e9 ? [seconds, ns] : [seconds + 1, 0];
}

/** timerfd(2), non-blocking. */
export class TimerFd extends Owner {
  /**
   * @param clock CLOCK_MONOTONIC unless given; CLOCK_REALTIME for the time of day, CLOCK_BOOTTIME to count suspended time
   * @throws SystemError EINVAL (no such clock), EMFILE, ENFILE, ENOMEM; TypeError | RangeError for what is no C int
   */
  constructor(clock: number = sys.CLOCK_MONOTONIC) {
    super('TimerFd', succeeded('timerfd_create', sys.timerfd_create(clock, sys.TFD_CLOEXEC | sys.TFD_NONBLOCK)));
  }

  /**
   * Arms it, in place of what it was set to; what has expired and was not read is forgotten.
   * @param value in how many milliseconds it expires, fractions count; more than 0
   * @param interval how many milliseconds later again and again; 0, once, unless given
   * @param absolute `value` is a time of its clock, such as `Date.now() + 500` of CLOCK_REALTIME; one that is past expires
   *   at once
   * @returns what it was set to before
   * @throws TypeError | RangeError; ERR_TIMERFD_CLOSED
   */
  set(value: number, interval = 0, { absolute = false }: { absolute?: boolean } = {}): TimerSetting {
    const first = toTimespec('value', value);
    // To the kernel, 0 is to disarm.
    if (first[0] === 0 && first[1] === 0) throw outOfRange('value', '> 0 (milliseconds)', value);
    return this.#set([...toTimespec('interval', interval), ...first], absolute ? sys.TFD_TIMER_ABSTIME : 0);
  }

  /** Disarms it. @returns what it was set to before @throws ERR_TIMERFD_CLOSED */
  disarm(): TimerSetting {
    return this.#set([0, 0, 0, 0], 0);
  }

  #set(next: readonly number[], flags: number): TimerSetting {
    const old = new Float64Array(4);
    succeeded('timerfd_settime', sys.timerfd_settime(this.open(), flags, Float64Array.from(next), old));
    const [intervalS, intervalNs, valueS, valueNs] = old as unknown as [number, number, number, number];
    return { value: valueS * 1000 + valueNs / 1e6, interval: intervalS * 1000 + intervalNs / 1e6 };
  }

  /** How often it has expired since it was set or last read; 0 when not. Never waits. @throws ERR_TIMERFD_CLOSED */
  read(): number {
    const fd = this.open();
    const expirations = new BigUint64Array(1);
    const result = sys.read(fd, new Uint8Array(expirations.buffer));
    if (result === -sys.EAGAIN) return 0;
    succeeded('read', result);
    return Number(expirations[0]);
  }
}
