/** The timeline's page at work: draws what is in view, zooms, follows pointer and keyboard, filters, and turns the table's pages. */
import { select } from 'd3-selection';
import { type D3ZoomEvent, type ZoomTransform, zoom, zoomIdentity } from 'd3-zoom';
import { escapeHtml } from '../../page/html.js';
import { type Drawing, FLAG, type Lane } from '../drawing.js';
import { Panel } from './panel.js';
import { timeScale, timeText, worthFolding } from './scale.js';

function element<T extends Element = HTMLElement>(selector: string, within: ParentNode = document): T {
  const found = within.querySelector<T>(selector);
  if (found === null) throw new Error(`the page has no ${selector}`);
  return found;
}

const drawings = JSON.parse(element('#drawings').textContent ?? '') as Drawing[];
const plot = element('.plot');
const axis = element<SVGSVGElement>('.axis');
const tip = element('.tip');
const fold = element<HTMLInputElement>('#fold');
const align = document.querySelector<HTMLSelectElement>('#align');
const boxes = [...document.querySelectorAll<HTMLInputElement>('input[name=call]')];

/** Where the cursor is: a call of a trace. */
interface Place {
  readonly trace: number;
  readonly call: number;
}

const hidden = new Set<string>();
let transform: ZoomTransform = zoomIdentity;
let cursor: Place | undefined;
let narrow = false;
let width = 0;

const panels = drawings.map(
  (drawing, i) => new Panel(drawing, element<SVGSVGElement>(`svg[data-trace="${i}"]`), (name) => !hidden.has(name)),
);

/** What is added to a trace's times so that both begin, or wake, together. */
function shift({ woken, calls }: Drawing): number {
  if (align?.value === 'woken') return -(woken ?? 0);
  return drawings.length > 1 ? 0 : -Math.min(0, calls.start[0] ?? 0);
}

function everyTime(): Float64Array {
  const times: number[] = [];
  for (const drawing of drawings) {
    const by = shift(drawing);
    const { start, duration } = drawing.calls;
    for (let i = 0; i < start.length; i++) {
      const at = (start[i] as number) + by;
      times.push(at, at + (duration[i] as number));
    }
  }
  return new Float64Array(times).sort();
}

let times = everyTime();
fold.checked = worthFolding(times);
let time = timeScale(times, fold.checked, 0, 1);

/** How wide the names of the lanes are; on a phone they stand above their lanes. */
const left = (): number => (narrow ? 0 : 190);

function measure(): void {
  width = plot.clientWidth;
  narrow = width < 640;
  time = timeScale(times, fold.checked, left(), width);
  zooming.extent([
    [left(), 0],
    [width, 1],
  ]);
  zooming.translateExtent([
    [left(), Number.NEGATIVE_INFINITY],
    [width, Number.POSITIVE_INFINITY],
  ]);
}

const x = (at: number): number => transform.applyX(time.scale(at));
const at = (px: number): number => time.scale.invert(transform.invertX(px));

// Drawing

let waiting = 0;
/** Draws once for whatever has changed since the last picture. */
function redraw(): void {
  if (waiting === 0) waiting = requestAnimationFrame(() => draw());
}

function draw(all = false): void {
  waiting = 0;
  const [begin, end] = [at(left()), at(width)];
  const folds = time.folds
    .filter(({ from, to }) => to > begin && from < end)
    .map(({ from, to }) => ({ from: x(from), to: x(to), text: timeText(to - from, 3) }))
    .filter(({ from, to }) => to - from > 2);
  let marks = 0;
  for (const [i, panel] of panels.entries()) {
    marks += panel.draw({
      x,
      begin,
      end,
      shift: shift(drawings[i] as Drawing),
      left: left(),
      width,
      narrow,
      folds,
      all: all === true,
      cursor: cursor?.trace === i ? cursor.call : undefined,
    });
  }
  drawAxis(folds);
  const whole = drawings.reduce((total, { calls }) => total + calls.start.length, 0);
  plot.dataset.from = String(at(left()));
  plot.dataset.to = String(at(width));
  plot.dataset.marks = String(marks);
  element('#shown').textContent =
    `${marks.toLocaleString('en')} of ${whole.toLocaleString('en')} calls in view.${panels.some((panel) => panel.tooManyArrows) ? ' Zoom in for the arrows.' : ''}`;
  document.documentElement.dataset.ready = '';
}

function drawAxis(folds: readonly { from: number; to: number; text: string }[]): void {
  const out: string[] = [];
  let free = left();
  const put = (px: number, text: string, kind: string): void => {
    const half = text.length * 3.3;
    const centre = Math.min(Math.max(px, left() + half), width - half);
    if (centre - half < free) return;
    out.push(`<text class="${kind}" x="${centre}" y="14">${escapeHtml(text)}</text>`);
    free = centre + half + 10;
  };
  const within = (px: number): boolean => folds.some(({ from, to }) => px > from && px < to);
  // Where time runs evenly, d3 says where the marks stand; over folds each gap says how long it was.
  const places: [px: number, text: string, kind: string][] = folds.map(({ from, to, text }) => [
    (from + to) / 2,
    text,
    'fold',
  ]);
  const ends = [left(), ...folds.flatMap(({ from, to }) => [from, to]), width];
  for (let i = 0; i < ends.length; i += 2) {
    const [from, to] = [ends[i] as number, ends[i + 1] as number];
    if (to - from < 60) continue;
    const [first, last] = [at(from), at(to)];
    const step = time.scale.copy().domain([first, last]).range([from, to]);
    for (const tick of step.ticks(Math.max(2, (to - from) / 110))) {
      const px = x(tick);
      if (px < from || px > to || within(px)) continue;
      places.push([px, timeText(tick, 6), 'tick']);
    }
  }
  for (const [px, text, kind] of places.sort(([a], [b]) => a - b)) {
    if (kind === 'tick') out.push(`<line x1="${px}" x2="${px}" y1="18" y2="24"/>`);
    put(px, text, kind);
  }
  axis.setAttribute('viewBox', `0 0 ${width} 24`);
  axis.setAttribute('width', String(width));
  axis.setAttribute('height', '24');
  axis.innerHTML = out.join('');
}

// Zoom

const zooming = zoom<HTMLElement, unknown>()
  .scaleExtent([1, 1e6])
  .filter((event: MouseEvent & TouchEvent) => {
    if (event.type === 'wheel') return event.clientX - plot.getBoundingClientRect().left > left();
    return event.button === 0 || event.button === undefined;
  })
  .on('zoom', ({ transform: next }: D3ZoomEvent<HTMLElement, unknown>) => {
    transform = next;
    hide();
    redraw();
  });
const zoomed = select(plot).call(zooming).on('dblclick.zoom', null);

const MOTION = 1.6;
function zoomBy(factor: number): void {
  const centre = cursor === undefined ? undefined : x(startOf(cursor));
  const point: [number, number] = [
    centre !== undefined && centre > left() && centre < width ? centre : (left() + width) / 2,
    0,
  ];
  zooming.scaleBy(zoomed, factor, point);
}

function refit(): void {
  times = everyTime();
  measure();
  zoomed.call(zooming.transform, zoomIdentity);
  redraw();
}

/** Brings a time into view, if it is not. */
function reveal(px: number): void {
  const margin = Math.min(60, (width - left()) / 4);
  if (px < left() + margin || px > width - margin) {
    zooming.translateBy(zoomed, ((left() + width) / 2 - px) / transform.k, 0);
  }
}

// The cursor, and what it says

const startOf = ({ trace, call }: Place): number => {
  const drawing = drawings[trace] as Drawing;
  return (drawing.calls.start[call] as number) + shift(drawing);
};

function laneName({ name, about, fd }: Lane): string {
  const number = fd === null ? '' : ` (descriptor ${fd})`;
  return `${name}${about === '' ? '' : ` ${about}`}${number}`;
}

function describe({ trace, call }: Place): { text: string; more: string } {
  const drawing = drawings[trace] as Drawing;
  const { calls, lanes, texts, threads, told, arrows } = drawing;
  const lane = lanes[calls.lane[call] as number] as Lane;
  const parts = [
    `${laneName(lane)}: at ${timeText(calls.start[call] as number, 7)}, took ${timeText(calls.duration[call] as number)}`,
  ];
  if (threads.length > 1) parts.push(`thread ${threads[calls.thread[call] as number]}`);
  const tellings = told.filter((each) => each.call === call);
  for (const each of tellings.slice(0, 8)) {
    parts.push(`told ${(lanes[each.lane] as Lane).name}: ${each.events}${each.again ? ', again' : ''}`);
  }
  if (tellings.length > 8) parts.push(`and ${tellings.length - 8} more`);
  const nameOf = (i: number): string => drawing.names[calls.name[i] as number] as string;
  const causes = arrows.filter(({ to }) => to === call);
  for (const { from, fromLane } of causes.slice(0, 3)) {
    parts.push(`woken by ${nameOf(from)} on ${(lanes[fromLane] as Lane).name}`);
  }
  for (const { to } of arrows.filter(({ from }) => from === call)) {
    const later = (calls.start[to] as number) + (calls.duration[to] as number) - (calls.start[call] as number);
    parts.push(`woke ${nameOf(to)}, which returned ${timeText(later)} after this began`);
  }
  return { text: texts[calls.text[call] as number] as string, more: parts.join(' · ') };
}

function show(place: Place, px: number, py: number, count = 1): void {
  const { text, more } = describe(place);
  tip.innerHTML =
    count > 1
      ? `<p>${count.toLocaleString('en')} calls, the first of them:</p><code>${escapeHtml(text)}</code>`
      : `<code>${escapeHtml(text)}</code><p>${escapeHtml(more)}</p>`;
  tip.hidden = false;
  const room = plot.clientWidth - tip.offsetWidth - 4;
  tip.style.left = `${Math.max(4, Math.min(px + 12, room))}px`;
  tip.style.top = `${py + 18}px`;
}

function hide(): void {
  tip.hidden = true;
}

/** Where a call is drawn, in the plot. */
function position(place: Place): [number, number] {
  const panel = panels[place.trace] as Panel;
  const box = panel.svg.getBoundingClientRect();
  const top = box.top - plot.getBoundingClientRect().top;
  return [Math.max(left(), x(startOf(place))), top + panel.middleOf(place.call) + 8];
}

function moveTo(place: Place | undefined): void {
  if (place === undefined) return;
  cursor = place;
  reveal(x(startOf(place)));
  draw();
  const [px, py] = position(place);
  show(place, px, py);
  const { text, more } = describe(place);
  element('#said').textContent = `${text}. ${more}`;
  const onPage = plot.getBoundingClientRect().top + py;
  if (onPage < 60 || onPage > innerHeight - 120) scrollBy({ top: onPage - innerHeight / 2 });
}

const shownCall = ({ trace, call }: Place): boolean => {
  const { names, calls } = drawings[trace] as Drawing;
  return !hidden.has(names[calls.name[call] as number] as string);
};

/** The next call that is shown, in the order of their beginnings. */
function step(by: 1 | -1): Place | undefined {
  if (cursor === undefined) return edge(by === 1 ? 'first' : 'last');
  const { trace } = cursor;
  const count = (drawings[trace] as Drawing).calls.start.length;
  for (let call = cursor.call + by; call >= 0 && call < count; call += by) {
    if (shownCall({ trace, call })) return { trace, call };
  }
  return undefined;
}

function edge(which: 'first' | 'last'): Place | undefined {
  const trace = cursor?.trace ?? 0;
  const count = (drawings[trace] as Drawing).calls.start.length;
  for (let i = 0; i < count; i++) {
    const place = { trace, call: which === 'first' ? i : count - 1 - i };
    if (shownCall(place)) return place;
  }
  return undefined;
}

/** The call that is nearest in time on the next row that has one, in the other trace as well. */
function across(by: 1 | -1): Place | undefined {
  if (cursor === undefined) return edge('first');
  const now = startOf(cursor);
  let { trace } = cursor;
  let row = (panels[trace] as Panel).rowOf(cursor.call) + by;
  for (;;) {
    const panel = panels[trace];
    if (panel === undefined) return undefined;
    if (row < 0 || row >= panel.rows) {
      trace += by;
      row = by === 1 ? 0 : (panels[trace]?.rows ?? 0) - 1;
      continue;
    }
    const call = panel.nearest(row, now - shift(drawings[trace] as Drawing));
    if (call !== undefined) return { trace, call };
    row += by;
  }
}

// What the reader does

const KEYS: Readonly<Record<string, () => void>> = {
  '+': () => zoomBy(MOTION),
  '=': () => zoomBy(MOTION),
  '-': () => zoomBy(1 / MOTION),
  '0': () => zoomed.call(zooming.transform, zoomIdentity),
  ArrowRight: () => moveTo(step(1)),
  ArrowLeft: () => moveTo(step(-1)),
  ArrowDown: () => moveTo(across(1)),
  ArrowUp: () => moveTo(across(-1)),
  Home: () => moveTo(edge('first')),
  End: () => moveTo(edge('last')),
  Escape: hide,
  'Shift ArrowRight': () => zooming.translateBy(zoomed, -(width - left()) / 5 / transform.k, 0),
  'Shift ArrowLeft': () => zooming.translateBy(zoomed, (width - left()) / 5 / transform.k, 0),
};

plot.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = event.shiftKey && event.key.startsWith('Arrow');
  const act = KEYS[arrow ? `Shift ${event.key}` : event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
});
plot.addEventListener('focus', () => {
  if (cursor !== undefined && plot.matches(':focus-visible')) moveTo(cursor);
});
plot.addEventListener('blur', hide);

const under = (event: PointerEvent | MouseEvent): { place: Place; count: number } | undefined => {
  for (const [trace, panel] of panels.entries()) {
    const box = panel.svg.getBoundingClientRect();
    if (event.clientY < box.top || event.clientY > box.bottom) continue;
    const hit = panel.hit(event.clientX - box.left, event.clientY - box.top);
    if (hit !== undefined) return { place: { trace, call: hit.call }, count: hit.count };
  }
  return undefined;
};

plot.addEventListener('pointermove', (event) => {
  if (event.buttons !== 0) return;
  const hit = under(event);
  plot.classList.toggle('over', hit !== undefined);
  if (hit === undefined) return hide();
  const box = plot.getBoundingClientRect();
  show(hit.place, event.clientX - box.left, event.clientY - box.top, hit.count);
});
plot.addEventListener('pointerleave', hide);
plot.addEventListener('click', (event) => {
  const hit = under(event);
  if (hit !== undefined) moveTo(hit.place);
});

const BUTTONS: Readonly<Record<string, () => void>> = {
  in: () => zoomBy(MOTION),
  out: () => zoomBy(1 / MOTION),
  all: () => zoomed.call(zooming.transform, zoomIdentity),
  next: () => moveTo(step(1)),
  previous: () => moveTo(step(-1)),
  every: () => choose(true),
  none: () => choose(false),
};
const controls = element('.controls');
controls.hidden = false;
controls.addEventListener('click', (event) => {
  const button = (event.target as Element).closest<HTMLElement>('button[data-do]');
  BUTTONS[button?.dataset.do ?? '']?.();
});
fold.addEventListener('change', refit);
align?.addEventListener('change', refit);

function choose(every: boolean): void {
  for (const box of boxes) box.checked = every;
  filter();
}

function filter(): void {
  hidden.clear();
  for (const { checked, value } of boxes) if (!checked) hidden.add(value);
  const chosen = boxes.length - hidden.size;
  element('#chosen').textContent = hidden.size === 0 ? 'all' : `${chosen} of ${boxes.length} names`;
  hide();
  if (cursor !== undefined && !shownCall(cursor)) cursor = undefined;
  for (const each of tables) each();
  redraw();
}
for (const box of boxes) box.addEventListener('change', filter);

// The list of names lies over the drawing.
const names = element<HTMLDetailsElement>('.filter');
addEventListener('pointerdown', ({ target }) => {
  if (!names.contains(target as Node)) names.open = false;
});
names.addEventListener('keydown', ({ key }) => {
  if (key !== 'Escape') return;
  names.open = false;
  element('summary', names).focus();
});

// The tables

const PAGE = 100;

/** Fills a table a page at a time. @returns what is to be called when other calls are shown */
function paged(details: HTMLDetailsElement): () => void {
  const trace = Number(details.dataset.trace);
  const { calls, texts } = drawings[trace] as Drawing;
  const body = element('tbody', details);
  const pager = element('.pager', details);
  let page = 0;
  let shown: number[] = [];
  const fill = (): void => {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const rows = shown.slice(page * PAGE, (page + 1) * PAGE);
    element('caption', details).textContent =
      `Calls ${rows.length === 0 ? 0 : page * PAGE + 1} to ${page * PAGE + rows.length} of ${shown.length.toLocaleString('en')}`;
    body.innerHTML = rows
      .map((i) => {
        const failed = (calls.flags[i] as number) & (FLAG.AGAIN | FLAG.FAILED) ? ' class="failed"' : '';
        const took = ((calls.duration[i] as number) / 1e3).toFixed(1);
        const text = escapeHtml(texts[calls.text[i] as number] as string);
        return `<tr${failed}><td class="number">${((calls.start[i] as number) / 1e6).toFixed(3)}</td><td class="number">${took}</td><td><button type="button" data-call="${i}" title="Show it above"><code>${text}</code></button></td></tr>`;
      })
      .join('');
    for (const [i, button] of pager.querySelectorAll('button').entries()) {
      button.disabled = i < 2 ? page === 0 : page === pages - 1;
    }
  };
  pager.innerHTML = ['First', 'Previous', 'Next', 'Last']
    .map((name) => `<button type="button">${name}</button>`)
    .join(' ');
  for (const [i, button] of pager.querySelectorAll('button').entries()) {
    button.addEventListener('click', () => {
      page = [0, page - 1, page + 1, Number.POSITIVE_INFINITY][i] as number;
      fill();
    });
  }
  body.addEventListener('click', (event) => {
    const button = (event.target as Element).closest<HTMLElement>('button[data-call]');
    if (button === null) return;
    plot.focus({ preventScroll: true });
    moveTo({ trace, call: Number(button.dataset.call) });
  });
  const refill = (): void => {
    shown = calls.start.map((_, call) => call).filter((call) => shownCall({ trace, call }));
    fill();
  };
  refill();
  return refill;
}
const tables = [...document.querySelectorAll<HTMLDetailsElement>('details.calls')].map(paged);

// Sizes

new ResizeObserver(() => {
  if (plot.clientWidth === width) return;
  measure();
  zoomed.call(zooming.transform, zoomIdentity);
  redraw();
}).observe(plot);
addEventListener('scroll', redraw, { passive: true });
addEventListener('beforeprint', () => draw(true));
measure();
draw();
