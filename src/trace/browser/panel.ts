/** One trace's lanes as SVG. Only what is in view is drawn, and calls too close together to be told apart are drawn as one. */
import { escapeHtml } from '../../page/html.js';
import { type Arrow, type Drawing, FLAG, type Lane, type Spell, type Told } from '../drawing.js';

export interface View {
  /** From shifted time to pixels. */
  readonly x: (at: number) => number;
  /** The shifted time in view. */
  readonly begin: number;
  readonly end: number;
  /** What is added to this trace's times. */
  readonly shift: number;
  /** Where the lanes begin, and end. */
  readonly left: number;
  readonly width: number;
  readonly narrow: boolean;
  readonly folds: readonly { readonly from: number; readonly to: number }[];
  /** Rows outside the window as well: for paper. */
  readonly all: boolean;
  readonly cursor: number | undefined;
}

/** A mark on the page: one call, or several from one on. */
interface Mark {
  readonly call: number;
  readonly from: number;
  to: number;
  count: number;
}

const BAR = 12;
/** Tellings closer together than these pixels are ticks instead of triangles. */
const CROWDED = 4;
/** How narrow a call is drawn, and how wide a mark that stands for several. */
const LEAST = 2.5;
const MANY = 24;
/** More arrows than these are a tangle. */
const ARROWS = 400;
/** As many rows are drawn for paper. */
const ON_PAPER = 300;

const round = (px: number): number => Math.round(px * 10) / 10;

export class Panel {
  readonly rows: number;
  tooManyArrows = false;
  readonly #drawing: Drawing;
  readonly #shown: (name: string) => boolean;
  /** The calls of each row, in the order of their beginnings. */
  readonly #callsOf: number[][] = [];
  readonly #lanesOf: Lane[][] = [];
  readonly #spellsOf: Spell[][] = [];
  readonly #toldOf: Told[][] = [];
  readonly #marks: Mark[][] = [];
  #height = 30;
  #narrow = false;

  constructor(
    drawing: Drawing,
    readonly svg: SVGSVGElement,
    shown: (name: string) => boolean,
  ) {
    this.#drawing = drawing;
    this.#shown = shown;
    this.rows = drawing.rows;
    for (let row = 0; row < this.rows; row++) {
      this.#callsOf.push([]);
      this.#lanesOf.push([]);
      this.#spellsOf.push([]);
      this.#toldOf.push([]);
    }
    const { lanes, calls, spells, told } = drawing;
    const row = (lane: number): number => (lanes[lane] as Lane).row;
    for (const lane of lanes) this.#lanesOf[lane.row]?.push(lane);
    for (const [call, lane] of calls.lane.entries()) this.#callsOf[row(lane)]?.push(call);
    for (const spell of spells) this.#spellsOf[row(spell.lane)]?.push(spell);
    for (const each of told) this.#toldOf[row(each.lane)]?.push(each);
  }

  rowOf(call: number): number {
    const { lanes, calls } = this.#drawing;
    return (lanes[calls.lane[call] as number] as Lane).row;
  }

  /** Where a call's bar has its middle, in pixels from the top. */
  middleOf(call: number): number {
    return this.#middle(this.rowOf(call));
  }

  #middle(row: number): number {
    return row * this.#height + (this.#narrow ? 30 : this.#height / 2 + 1);
  }

  /** The call of a row that begins nearest to a time, of those shown. */
  nearest(row: number, time: number): number | undefined {
    const calls = (this.#callsOf[row] ?? []).filter((call) => this.#isShown(call));
    const { start } = this.#drawing.calls;
    const distance = (call: number): number => Math.abs((start[call] as number) - time);
    let best: number | undefined;
    for (const call of calls) if (best === undefined || distance(call) < distance(best)) best = call;
    return best;
  }

  /** What is drawn at a place, or a few pixels beside it. */
  hit(px: number, py: number): { call: number; count: number } | undefined {
    const marks = this.#marks[Math.floor(py / this.#height)] ?? [];
    let best: Mark | undefined;
    let least = 8;
    for (const mark of marks) {
      const away = Math.max(mark.from - px, px - mark.to, 0);
      // A long wait lies under what happened meanwhile.
      if (away < least || (away === least && best && mark.to - mark.from < best.to - best.from)) {
        least = away;
        best = mark;
      }
    }
    return best && { call: best.call, count: best.count };
  }

  #isShown(call: number): boolean {
    const { names, calls } = this.#drawing;
    return this.#shown(names[calls.name[call] as number] as string);
  }

  #end(call: number): number {
    const { start, duration } = this.#drawing.calls;
    return (start[call] as number) + (duration[call] as number);
  }

  /** @returns how many calls are in view */
  draw(view: View): number {
    const { left, width, narrow } = view;
    this.#narrow = narrow;
    this.#height = narrow ? 42 : 30;
    const height = this.rows * this.#height + 4;
    const { svg } = this;
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('width', String(width));
    svg.setAttribute('height', String(height));
    const [first, last] = this.#inWindow(view.all);
    const out: string[] = [this.#defs(), `<g clip-path="url(#clip-${svg.dataset.trace})">`];
    this.#defineClip(out, left, width, height);
    out.push(this.#sleep(view, first, last));
    for (const { from, to } of view.folds) {
      out.push(
        `<rect class="folded" x="${round(from)}" width="${round(to - from)}" y="${first * this.#height}" height="${(last - first) * this.#height}" fill="url(#hatch-${svg.dataset.trace})"/>`,
      );
    }
    let marks = 0;
    for (let row = first; row < last; row++) marks += this.#row(row, view, out);
    out.push(this.#tellings(view, first, last), this.#arrows(view), this.#cursor(view), '</g>');
    for (let row = first; row < last; row++) out.push(this.#name(row, view));
    svg.innerHTML = out.join('');
    return marks;
  }

  #inWindow(all: boolean): [number, number] {
    if (all || this.rows <= 40) return [0, Math.min(this.rows, all ? ON_PAPER : this.rows)];
    const { top } = this.svg.getBoundingClientRect();
    const first = Math.max(0, Math.floor(-top / this.#height) - 4);
    return [Math.min(first, this.rows), Math.min(this.rows, Math.ceil((innerHeight - top) / this.#height) + 4)];
  }

  #defs(): string {
    const { trace } = this.svg.dataset;
    return `<defs><marker id="head-${trace}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 1 7 4 0 7z"/></marker><pattern id="hatch-${trace}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>`;
  }

  #defineClip(out: string[], left: number, width: number, height: number): void {
    out.push(
      `<clipPath id="clip-${this.svg.dataset.trace}"><rect x="${left}" y="0" width="${width - left}" height="${height}"/></clipPath>`,
    );
  }

  /** Grey from top to bottom while the program sleeps in a wait; the lighter, the less of a pixel's time. */
  #sleep({ x, begin, end, shift, left, width }: View, first: number, last: number): string {
    const { calls } = this.#drawing;
    const asleep = new Float32Array(Math.max(0, Math.ceil(width - left)));
    for (const [call, flags] of calls.flags.entries()) {
      if ((flags & FLAG.BLOCKS) === 0) continue;
      const start = (calls.start[call] as number) + shift;
      if (start > end || start + (calls.duration[call] as number) < begin) continue;
      const from = Math.max(x(start) - left, 0);
      const to = Math.min(x(this.#end(call) + shift) - left, asleep.length);
      for (let px = Math.floor(from); px < to; px++) {
        asleep[px] = Math.min(1, (asleep[px] as number) + Math.min(px + 1, to) - Math.max(px, from));
      }
    }
    const out: string[] = [];
    const shade = (from: number, to: number, share: number): void => {
      if (share === 0) return;
      out.push(
        `<rect class="blocked" x="${left + from}" width="${to - from}" y="${first * this.#height}" height="${(last - first) * this.#height}" opacity="${share / 4}"/>`,
      );
    };
    let since = 0;
    let level = 0;
    for (const [px, share] of asleep.entries()) {
      const next = Math.round(share * 4);
      if (next === level) continue;
      shade(since, px, level);
      since = px;
      level = next;
    }
    shade(since, asleep.length, level);
    return out.join('');
  }

  #row(row: number, { x, begin, end: last, shift, left, width }: View, out: string[]): number {
    const { calls, names, families } = this.#drawing;
    const top = row * this.#height;
    const middle = this.#middle(row);
    out.push(`<line class="rule" x1="0" x2="${width}" y1="${top + this.#height}" y2="${top + this.#height}"/>`);
    const lives: string[] = [];
    let drawn = Number.NEGATIVE_INFINITY;
    for (const { opened, closed } of this.#lanesOf[row] as Lane[]) {
      if ((opened ?? begin) + shift > last || (closed ?? last) + shift < begin) continue;
      const from = Math.max(opened === null ? left : Math.max(x(opened + shift), left), drawn);
      const to = closed === null ? width : Math.min(x(closed + shift), width);
      if (to - from < 0.5) continue;
      lives.push(`M${round(from)} ${middle}H${round(to)}`);
      drawn = to;
    }
    if (lives.length > 0) out.push(`<path class="life" d="${lives.join('')}"/>`);
    const ends = { readable: Number.NEGATIVE_INFINITY, writable: Number.NEGATIVE_INFINITY };
    for (const { way, start, end } of this.#spellsOf[row] as Spell[]) {
      if (start + shift > last || (end ?? last) + shift < begin) continue;
      const from = Math.max(x(start + shift), left, ends[way]);
      const to = end === null ? width : Math.min(Math.max(x(end + shift), from + 1), width);
      if (to <= left || from >= width || to - from < 0.5) continue;
      ends[way] = to;
      const y = way === 'readable' ? middle - BAR / 2 - 5 : middle + BAR / 2 + 1;
      out.push(`<rect class="spell ${way}" x="${round(from)}" y="${y}" width="${round(to - from)}" height="4"/>`);
    }

    const marks: Mark[] = [];
    this.#marks[row] = marks;
    const list = this.#callsOf[row] as number[];
    let seen = 0;
    const several = (mark: Mark): void => {
      out.push(
        `<rect class="many" data-call="${mark.call}" data-count="${mark.count}" x="${round(mark.from)}" y="${middle - BAR / 2}" width="${round(mark.to - mark.from)}" height="${BAR}"/>`,
      );
    };
    const one = (mark: Mark): void => {
      const flags = calls.flags[mark.call] as number;
      const name = names[calls.name[mark.call] as number] as string;
      const family = families[calls.name[mark.call] as number];
      const look = flags & FLAG.AGAIN ? ' again' : flags & FLAG.FAILED ? ' failed' : '';
      const wide = mark.to - mark.from;
      out.push(
        `<rect class="call ${family}${look}" data-call="${mark.call}" x="${round(mark.from)}" y="${middle - BAR / 2}" width="${round(wide)}" height="${BAR}" rx="1.5"/>`,
      );
      if (wide > name.length * 6.2 + 6) {
        const from = Math.max(mark.from, left);
        out.push(
          `<text class="in ${family}${look}" x="${round(from + 4)}" y="${middle + 3.5}">${escapeHtml(name)}</text>`,
        );
      }
    };
    const flush = (mark: Mark | undefined): void => {
      if (mark === undefined) return;
      if (mark.count > 1) several(mark);
      else one(mark);
    };
    let mark: Mark | undefined;
    for (let i = this.#firstFrom(list, begin - shift); i < list.length; i++) {
      const call = list[i] as number;
      if (!this.#isShown(call)) continue;
      const from = x((calls.start[call] as number) + shift);
      if (from > width) break;
      const to = Math.max(x(this.#end(call) + shift), from + LEAST);
      if (to < left) continue;
      seen++;
      const close = mark !== undefined && from < mark.from + mark.count && to - from < 2 * LEAST;
      const joins = mark !== undefined && mark.count > 1 && from < mark.to + 0.5 && to < mark.from + MANY;
      if (mark !== undefined && (close || joins)) {
        mark.count++;
        mark.to = Math.max(mark.to, to);
        continue;
      }
      flush(mark);
      mark = { call, from, to, count: 1 };
      marks.push(mark);
    }
    flush(mark);
    return seen;
  }

  /** The place in a row's calls from which on one may reach into view; those of one row hardly overlap. */
  #firstFrom(list: readonly number[], time: number): number {
    let low = 0;
    let high = list.length;
    const { start } = this.#drawing.calls;
    while (low < high) {
      const mid = (low + high) >> 1;
      if ((start[list[mid] as number] as number) < time) low = mid + 1;
      else high = mid;
    }
    return Math.max(0, low - 8);
  }

  /** What waits told: a triangle on the descriptor's lane, tied to the wait. */
  #tellings({ x, begin, end, shift }: View, first: number, last: number): string {
    const out: string[] = [];
    for (let row = first; row < last; row++) {
      const middle = this.#middle(row);
      const y = middle - BAR / 2 - 6;
      const places: { px: number; call: number; again: boolean }[] = [];
      for (const { call, again } of this.#toldOf[row] as Told[]) {
        const at = this.#end(call) + shift;
        if (at >= begin && at <= end && this.#isShown(call)) places.push({ px: x(at), call, again });
      }
      const ticks: string[] = [];
      let before = Number.NEGATIVE_INFINITY;
      for (const [i, { px, call, again }] of places.entries()) {
        const next = places[i + 1]?.px ?? Number.POSITIVE_INFINITY;
        if (Math.min(px - before, next - px) < CROWDED) {
          // No room for a triangle.
          if (px - before >= 1) {
            before = px;
            ticks.push(`M${round(px)} ${y}v4`);
          }
          continue;
        }
        before = px;
        const wait = this.middleOf(call);
        out.push(
          `<line class="tie" x1="${round(px)}" x2="${round(px)}" y1="${wait}" y2="${y + 4}"/><path class="told${again ? ' again' : ''}" d="M${round(px - 4)} ${y - 1}h8l-4 7z"/>`,
        );
      }
      if (ticks.length > 0) out.push(`<path class="crowded" d="${ticks.join('')}"/>`);
    }
    return out.join('');
  }

  #arrows({ x, begin, end, shift, cursor }: View): string {
    const { arrows, lanes, calls } = this.#drawing;
    const inView: { arrow: Arrow; from: number; to: number }[] = [];
    this.tooManyArrows = false;
    for (const arrow of arrows) {
      const from = ((calls.start[arrow.from] as number) + this.#end(arrow.from)) / 2 + shift;
      const to = this.#end(arrow.to) + shift;
      if (Math.max(from, to) < begin || Math.min(from, to) > end) continue;
      if (this.#isShown(arrow.from) && this.#isShown(arrow.to)) inView.push({ arrow, from: x(from), to: x(to) });
    }
    this.tooManyArrows = inView.length > ARROWS;
    const out: string[] = [];
    for (const { arrow, from, to } of inView) {
      const chosen = arrow.from === cursor || arrow.to === cursor;
      if (this.tooManyArrows && !chosen) continue;
      const source = this.#middle((lanes[arrow.fromLane] as Lane).row);
      const target = this.#middle((lanes[arrow.toLane] as Lane).row) - BAR / 2 - 3;
      const up = source > target ? -1 : 1;
      const y = source + (up * BAR) / 2;
      const bend = Math.max(Math.abs(to - from) / 2, 10);
      out.push(
        `<path class="arrow${chosen ? ' chosen' : ''}" d="M${round(from)} ${y}C${round(from + bend)} ${y} ${round(to - bend)} ${target} ${round(to - 3)} ${target}" marker-end="url(#head-${this.svg.dataset.trace})"/>`,
      );
    }
    return out.join('');
  }

  #cursor({ x, shift, cursor }: View): string {
    if (cursor === undefined) return '';
    const from = x((this.#drawing.calls.start[cursor] as number) + shift);
    const to = Math.max(x(this.#end(cursor) + shift), from + LEAST);
    const middle = this.middleOf(cursor);
    return `<rect class="cursor" x="${round(from - 3)}" y="${middle - BAR / 2 - 3}" width="${round(to - from + 6)}" height="${BAR + 6}" rx="3"/>`;
  }

  #name(row: number, { left, narrow }: View): string {
    const lanes = this.#lanesOf[row] as Lane[];
    const [lane] = lanes;
    if (lane === undefined) return '';
    const { name, about, fd } = lane;
    const several = lanes.length > 1;
    const whole = several ? `${name} … ${lanes.at(-1)?.name.match(/\d+$/)?.[0] ?? ''} (${lanes.length} in turn)` : name;
    const more = several ? '' : about;
    const number = fd === null ? '' : String(fd);
    const baseline = narrow ? row * this.#height + 12 : this.#middle(row) + 4;
    const room = narrow ? 60 : Math.floor((left - 44) / 6.4);
    const cut = (text: string, most: number): string =>
      text.length > most ? `${text.slice(0, Math.max(most - 1, 1))}…` : text;
    const shown = cut(whole, room);
    const rest = cut(more, Math.max(0, room - shown.length - 1));
    const number_ =
      number === ''
        ? ''
        : `<text class="fd" x="${narrow ? 2 : left - 10}" y="${baseline}"${narrow ? '' : ' text-anchor="end"'}>${number}</text>`;
    const title = `${whole}${more === '' ? '' : ` ${more}`}${fd === null ? '' : `, descriptor ${fd}`}`;
    return `<g class="name" data-row="${row}"><title>${escapeHtml(title)}</title><text x="${narrow ? 26 : 0}" y="${baseline}"><tspan class="what">${escapeHtml(shown)}</tspan>${rest.length > 1 ? ` <tspan class="about" dx="4">${escapeHtml(rest)}</tspan>` : ''}</text>${number_}</g>`;
  }
}
