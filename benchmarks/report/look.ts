/**
 * How a contestant is drawn: its colour says which call it makes, dashes and rings who makes it, and so does its mark where it
 * is not C's. None is told from another by its colour alone.
 */

/** One of `--series-1` … `--series-8`. */
export type Colour = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export type Mark = keyof typeof MARKS;

export interface Look {
  readonly colour: Colour;
  /** Lengths of dashes and gaps; empty: solid. */
  readonly dash: readonly number[];
  readonly mark: Mark;
  /** fdmux's own marks are filled, the others' are rings. */
  readonly filled: boolean;
}

/** SVG paths from −1 to 1, of about the same weight to the eye. */
export const MARKS = {
  circle: 'M-0.9,0A0.9,0.9,0,1,1,0.9,0A0.9,0.9,0,1,1,-0.9,0Z',
  square: 'M-0.8,-0.8H0.8V0.8H-0.8Z',
  triangle: 'M0,-1L1,0.8H-1Z',
  diamond: 'M0,-1.1L1.1,0L0,1.1L-1.1,0Z',
  drop: 'M0,1L1,-0.8H-1Z',
  hexagon: 'M-1,0L-0.5,-0.87H0.5L1,0L0.5,0.87H-0.5Z',
  cross: 'M-0.35,-1H0.35V-0.35H1V0.35H0.35V1H-0.35V0.35H-1V-0.35H-0.35Z',
  bow: 'M-1,-0.8L1,0.8V-0.8L-1,0.8Z',
} as const;

const COLOURS: readonly Colour[] = [1, 2, 3, 4, 7, 5, 6, 8];
const MARK_NAMES = Object.keys(MARKS) as Mark[];

/** The first that fits counts. */
const CALLS: readonly (readonly [pattern: RegExp, colour: Colour, mark: Mark])[] = [
  [/one-?shot/i, 4, 'drop'],
  [/\bedge\b|EPOLLET/i, 7, 'diamond'],
  [/\blevel\b|epoll/i, 1, 'circle'],
  [/poll/i, 3, 'triangle'],
  [/select/i, 2, 'square'],
];

/** Those that make no particular call have a colour, too. */
const MAKERS: readonly (readonly [
  pattern: RegExp,
  dash: readonly number[],
  mark: Mark | null,
  colour: Colour | null,
])[] = [
  [/^C\b(?!\+)/, [7, 4], null, null],
  [/libevent/i, [2, 3], 'hexagon', null],
  [/python/i, [9, 3, 2, 3], 'bow', null],
  [/\bnode:|\bnet\.Socket/i, [14, 4], 'diamond', 3],
  [/koffi/i, [4, 2], 'drop', 2],
  [/\bnpm\b/i, [1, 3], 'cross', 2],
];

const OWN = /^fdmux\b|^(?:epoll|poll|select)-echo\b|^Epoll\.|^watch\(/;

function preferred(contestant: string): Partial<Look> {
  const maker = MAKERS.find(([pattern]) => pattern.test(contestant));
  const call = CALLS.find(([pattern]) => pattern.test(contestant));
  if (maker !== undefined) {
    const [, dash, mark, colour] = maker;
    return { dash, filled: false, colour: colour ?? call?.[1] ?? 6, mark: mark ?? call?.[2] ?? 'square' };
  }
  const own = { dash: [], filled: true };
  if (call !== undefined) return { ...own, colour: call[1], mark: call[2] };
  return OWN.test(contestant) ? { ...own, colour: 1, mark: 'circle' } : own;
}

/** Bars have no dashes: without them, too, two looks have to differ. */
function same(a: Look, b: Look): boolean {
  return a.colour === b.colour && a.mark === b.mark && a.filled === b.filled;
}

/** A look for each of a workload, all different as long as there are no more than 64 of one kind. */
export function looks(contestants: Iterable<string>): Map<string, Look> {
  const chosen = new Map<string, Look>();
  const wishes = [...new Set(contestants)].map((contestant) => [contestant, preferred(contestant)] as const);
  // First those that know what they want, so that the others keep out of their way.
  for (const known of [true, false]) {
    for (const [contestant, { dash = [], filled = true, colour, mark }] of wishes) {
      if ((colour !== undefined) !== known) continue;
      const first = Math.max(0, COLOURS.indexOf(colour ?? 1));
      const firstMark = Math.max(0, MARK_NAMES.indexOf(mark ?? 'circle'));
      let look: Look | undefined;
      for (let i = 0; i < COLOURS.length * MARK_NAMES.length; i++) {
        const turn = Math.floor(i / COLOURS.length);
        look = {
          dash,
          filled,
          colour: COLOURS[(first + i) % COLOURS.length] as Colour,
          mark: MARK_NAMES[(firstMark + i + turn) % MARK_NAMES.length] as Mark,
        };
        if (![...chosen.values()].some((other) => same(other, look as Look))) break;
      }
      chosen.set(contestant, look as Look);
    }
  }
  return chosen;
}
