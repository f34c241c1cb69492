/** How far a benchmark is: a bar with the time left on a terminal, plain lines elsewhere. Always on stderr. */
import { Presets, SingleBar } from 'cli-progress';

/** @param seconds at least 0 */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** Of the bar: what a whole run is. */
const WHOLE = 1000;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #bar: SingleBar | undefined;
  #value = 0;
  #payload = { left: '?', what: '' };
  readonly #stop = (): void => this.#bar?.stop();

  /** @param stream where it is shown */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    if (!stream.isTTY) return;
    const format = '{bar} {percentage} %, {left} left  {what}';
    this.#bar = new SingleBar(
      // What a signal ends, and how, is the command's to say.
      { format, hideCursor: true, clearOnComplete: true, gracefulExit: false, stream },
      Presets.shades_classic,
    );
    this.#bar.start(WHOLE, 0, this.#payload);
    // However it ends, the terminal gets its cursor back.
    process.once('exit', this.#stop);
  }

  /** A line that stays. */
  say(text: string): void {
    this.aside(() => this.#stream.write(`${text}\n`));
  }

  /** A line for who sees no bar. @param left in seconds */
  milestone(text: string, left: number): void {
    if (this.#bar === undefined) this.say(`${text}, about ${duration(left)} left`);
  }

  /** @param spent in seconds @param left in seconds */
  show(what: string, spent: number, left: number): void {
    // It never falls back: where more is to be done than was thought, it only slows down.
    this.#value = Math.max(this.#value, Math.floor((WHOLE * spent) / (spent + left || 1)));
    this.#payload = { left: duration(left), what };
    this.#bar?.update(this.#value, this.#payload);
  }

  /** Takes the bar away while something else is written. */
  aside(write: () => void): void {
    this.#bar?.stop();
    write();
    this.#bar?.start(WHOLE, this.#value, this.#payload);
  }

  end(): void {
    process.off('exit', this.#stop);
    this.#stop();
  }
}
