/**
 * A trace, or two to compare, as a page of its own: a lane for each descriptor, the calls where they happened, the time in which
 * the program slept, and which write ended it.
 */
import { basename } from 'node:path';
import { type Html, html, jsonScript } from '../page/html.js';
import { asset, page } from '../page/page.js';
import * as sys from '../sys/index.js';
import { type Drawing, FLAG } from './drawing.js';
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { formatCall, type WindowData } from './format.js';
import { familyOf, followCalls, mayBlock } from './lanes.js';

/** A trace, as its lines of JSON hold it. */
export interface Trace {
  readonly header: TraceHeader;
  /** In the order in which they returned. */
  readonly calls: readonly TraceCall[];
  readonly end?: TraceEnd;
}

/** How many calls the page shows in its table before its script runs. */
const WITHOUT_SCRIPT = 200;

/**
 * The timeline as an HTML page that needs nothing else.
 * @param traces one, or two that are drawn one above the other over the same time
 * @throws RangeError for none, or more than two
 */
export function renderTimeline(traces: readonly Trace[]): string {
  if (traces.length < 1 || traces.length > 2) {
    throw new RangeError(`a timeline shows one trace or two, not ${traces.length}`);
  }
  const titles = traces.map(({ header }) => title(header));
  const drawings = traces.map((trace, i) => draw(trace, titles[i] as string));
  const names = distinct(titles);
  const heading = names.common === '' ? titles.join(' against ') : `${names.common} ${names.own.join(' against ')}`;
  return page({
    title: `${heading}: fdmux trace`,
    description: 'System calls over time: a lane for each descriptor, what each call was told, and what woke it up.',
    header: html`<h1>${heading}</h1>
<p class="lead">Each system call that fdmux made, on the lane of its descriptor. ${
      traces.length === 2 && 'Two runs over the same time, to see what differs.'
    }</p>`,
    body: html`${traces.map(lost)}
${controls(drawings)}
${plot(drawings)}
<div class="below">${summary(traces, drawings, names.own)}${legend}</div>
${drawings.map(table)}
${jsonScript('drawings', drawings)}`,
    style: asset('src/trace/browser/style.css'),
    script: asset('src/trace/browser/main.js'),
    footer: html`${traces.map(
      ({ header }, i) =>
        html`<p>${titles[i]}: <code>${header.command.join(' ')}</code>, process ${header.pid}, ${header.started}.</p>`,
    )}`,
  });
}

/** A command without the way to it. */
function title({ command }: TraceHeader): string {
  const [program = 'trace', ...rest] = command;
  return [basename(program), ...rest].join(' ');
}

/** The words that titles begin with alike, and what is left of each: nothing alike unless each has something of its own. */
function distinct(titles: readonly string[]): { common: string; own: readonly string[] } {
  const [first = [], second] = titles.map((each) => each.split(' '));
  const same = second === undefined ? 0 : first.findIndex((word, i) => word !== second[i]);
  if (second === undefined || same < 1 || same >= second.length) return { common: '', own: titles };
  return { common: first.slice(0, same).join(' '), own: [first, second].map((words) => words.slice(same).join(' ')) };
}

/** Gives each of many values its number, and keeps each once. */
function collector<T>(): { values: T[]; at: (value: T) => number } {
  const values: T[] = [];
  const places = new Map<T, number>();
  const at = (value: T): number => {
    const known = places.get(value);
    if (known !== undefined) return known;
    places.set(value, values.length);
    return values.push(value) - 1;
  };
  return { values, at };
}

function draw({ calls }: Trace, title: string): Drawing {
  const followed = followCalls(calls);
  const order = calls.map((_, i) => i).sort((a, b) => (calls[a] as TraceCall).start - (calls[b] as TraceCall).start);
  const place: number[] = [];
  for (const [at, i] of order.entries()) place[i] = at;
  const sorted = order.map((i) => calls[i] as TraceCall);
  const names = collector<string>();
  const texts = collector<string>();
  const threads = collector<number>();
  const placed = (i: number): number => place[i] as number;
  const [readable] = followed.spells.filter(({ way }) => way === 'readable').map(({ lane }) => lane);
  const first = followed.told.find(({ lane }) => lane === readable);
  const woken = first && (calls[first.call] as TraceCall);
  return {
    title,
    lanes: followed.lanes,
    rows: followed.rows,
    spells: followed.spells,
    told: followed.told.map((told) => ({ ...told, call: placed(told.call) })),
    arrows: followed.arrows.map((arrow) => ({ ...arrow, from: placed(arrow.from), to: placed(arrow.to) })),
    calls: {
      start: sorted.map(({ start }) => start),
      duration: sorted.map(({ duration }) => duration),
      lane: order.map((i) => followed.laneOf[i] as number),
      name: sorted.map(({ name }) => names.at(name)),
      text: sorted.map((call) => texts.at(formatCall(call))),
      thread: sorted.map(({ thread }) => threads.at(thread)),
      flags: sorted.map(flags),
    },
    names: names.values,
    families: names.values.map(familyOf),
    texts: texts.values,
    threads: threads.values,
    woken: woken === undefined ? null : woken.start + woken.duration,
  };
}

function flags(call: TraceCall): number {
  const failed = call.result === -sys.EAGAIN ? FLAG.AGAIN : FLAG.FAILED;
  return (call.result < 0 ? failed : 0) | (mayBlock(call) ? FLAG.BLOCKS : 0);
}

function lost({ end, header }: Trace): Html | false {
  const dropped = end?.dropped ?? 0;
  return (
    dropped > 0 &&
    html`<p class="lost">${title(header)}: ${count(dropped)} calls are missing, for which there was no room.</p>`
  );
}

const count = (value: number): string => value.toLocaleString('en');

/** A duration in nanoseconds, in words. */
function time(ns: number): string {
  const [unit, per] = ns >= 1e9 ? ['s', 1e9] : ns >= 1e6 ? ['ms', 1e6] : ns >= 1e3 ? ['µs', 1e3] : ['ns', 1];
  return `${Number((ns / per).toPrecision(3))} ${unit}`;
}

interface Figure {
  readonly what: string;
  readonly of: (trace: Trace, drawing: Drawing) => number;
  readonly shown?: (value: number) => string;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const counting =
  (which: (call: TraceCall) => boolean) =>
  ({ calls }: Trace): number =>
    calls.filter(which).length;
const timing =
  (which: (call: TraceCall) => boolean) =>
  ({ calls }: Trace): number =>
    sum(calls.filter(which).map(({ duration }) => duration));

/** What the two are compared by. */
const FIGURES: readonly Figure[] = [
  { what: 'system calls', of: ({ calls }) => calls.length },
  { what: 'waits', of: counting(({ name }) => familyOf(name) === 'wait') },
  { what: 'descriptors told by waits', of: (_, { told }) => told.length },
  { what: 'of these told again, with nothing new', of: (_, { told }) => told.filter(({ again }) => again).length },
  { what: 'reads', of: counting(({ name }) => familyOf(name) === 'read') },
  { what: 'answered with EAGAIN', of: counting(({ result }) => result === -sys.EAGAIN) },
  {
    what: 'bytes read',
    of: ({ calls }) =>
      sum(calls.filter(({ name, result }) => familyOf(name) === 'read' && result > 0).map(({ result }) => result)),
  },
  {
    what: 'bytes written',
    of: ({ calls }) =>
      sum(
        calls
          .filter(({ name, result, args }) => familyOf(name) === 'write' && (args[1] as WindowData).bytes && result > 0)
          .map(({ result }) => result),
      ),
  },
  { what: 'time in waits that may block', of: timing(mayBlock), shown: time },
  { what: 'time in the other calls', of: timing((call) => !mayBlock(call)), shown: time },
];

function summary(traces: readonly Trace[], drawings: readonly Drawing[], names: readonly string[]): Html {
  const two = drawings.length === 2;
  const rows = FIGURES.map(({ what, of, shown = count }) => {
    const values = traces.map((trace, i) => of(trace, drawings[i] as Drawing));
    return html`<tr${two && values[0] !== values[1] && html` class="differs"`}><th scope="row">${what}</th>${values.map(
      (value) => html`<td class="number">${shown(value)}</td>`,
    )}</tr>`;
  });
  return html`<section class="summary" aria-label="In numbers"><div class="scroll"><table>
<caption>In numbers</caption>
<thead><tr><td></td>${names.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>
<tbody>${rows}</tbody>
</table></div></section>`;
}

function controls(drawings: readonly Drawing[]): Html {
  const counts = new Map<string, number>();
  for (const { names, calls } of drawings) {
    for (const name of calls.name) counts.set(names[name] as string, (counts.get(names[name] as string) ?? 0) + 1);
  }
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  const aligned = drawings.length === 2 && drawings.every(({ woken }) => woken !== null);
  return html`<section class="controls" aria-label="What is shown" hidden>
<div class="buttons" role="group" aria-label="Zoom">
<button type="button" data-do="out" aria-label="Zoom out" title="Zoom out: −">−</button>
<button type="button" data-do="in" aria-label="Zoom in" title="Zoom in: +">+</button>
<button type="button" data-do="all" title="0">All</button>
</div>
<div class="buttons" role="group" aria-label="Calls">
<button type="button" data-do="previous" aria-label="Previous call" title="Previous call: ←">←</button>
<button type="button" data-do="next" aria-label="Next call" title="Next call: →">→</button>
</div>
<label><input type="checkbox" id="fold"> Fold long gaps</label>
${
  aligned &&
  html`<label>Aligned at <select id="align"><option value="woken">the first wake-up</option><option value="start">the start</option></select></label>`
}
<details class="filter"><summary>Calls: <span id="chosen">all</span></summary>
<fieldset><legend class="aside">Show these calls</legend>
<div class="buttons"><button type="button" data-do="every">All</button><button type="button" data-do="none">None</button></div>
${sorted.map(
  ([name, times]) =>
    html`<label><input type="checkbox" name="call" value="${name}" checked> ${name} <span class="soft">${count(times)}</span></label>`,
)}
</fieldset></details>
</section>`;
}

/** What a trace comes to, in a line. */
function inShort({ calls, families, told }: Drawing): string {
  const reads = calls.name.flatMap((name, i) => (families[name] === 'read' ? [calls.flags[i] as number] : []));
  const waits = calls.name.filter((name) => families[name] === 'wait').length;
  const again = told.filter((each) => each.again).length;
  const dry = reads.filter((flags) => flags & FLAG.AGAIN).length;
  const several = (value: number, what: string): string => `${count(value)} ${what}${value === 1 ? '' : 's'}`;
  return (
    `${several(waits, 'wait')} told of a descriptor ${several(told.length, 'time')}, ${count(again)} of them again with nothing new; ` +
    `${several(reads.length, 'read')}, ${count(dry)} of them found nothing`
  );
}

function plot(drawings: readonly Drawing[]): Html {
  return html`<figure class="timeline">
<noscript><p>The drawing needs JavaScript. The calls stand in the table below.</p></noscript>
<div class="plot" tabindex="0" role="application" aria-label="Timeline" aria-describedby="keys">
<svg class="axis" aria-hidden="true"></svg>
${drawings.map(
  (drawing, i) =>
    html`<h2>${drawing.title} <span class="soft">${inShort(drawing)}</span></h2><svg class="lanes" data-trace="${i}" aria-hidden="true"></svg>`,
)}
<div class="tip" hidden></div>
</div>
<p class="aside" id="said" role="status" aria-live="polite"></p>
<figcaption id="keys" class="soft"><span class="aside">Keys: </span><kbd>←</kbd> <kbd>→</kbd> from call to call, <kbd>↑</kbd> <kbd>↓</kbd> to another lane, <kbd>+</kbd>
<kbd>−</kbd> <kbd>0</kbd> zoom, <kbd>Shift</kbd> with an arrow moves along, <kbd>Home</kbd> <kbd>End</kbd> first and last call. The wheel zooms, dragging moves.
<span id="shown"></span></figcaption>
</figure>`;
}

const legend = html`<details class="legend" open><summary>How to read it</summary>
<ul>
<li>A lane is a descriptor, from its opening to its closing; the number before it is the descriptor's.</li>
<li><span class="key wait"></span> A wait: epoll_wait, poll, select. <span class="key blocked"></span> The program sleeps in it: grey from top to bottom.</li>
<li><span class="key read"></span> reads <span class="key write"></span> writes <span class="key open"></span> opens
<span class="key close"></span> closes <span class="key control"></span> controls. <span class="key again"></span> Hollow: the answer was EAGAIN.
<span class="key failed"></span> Another failure. <span class="key many"></span> Several calls too close together to be drawn apart: zoom in.</li>
<li><span class="key told">▼</span> A wait told of this descriptor; <span class="key told">▽</span> told it again, with nothing new.</li>
<li><span class="key readable"></span> Readable and <span class="key writable"></span> writable, as far as can be <em>inferred</em>: the kernel tells readiness only when it is
asked. A spell begins when a wait tells of it, or with the write that caused it. It ends when a read finds nothing (EAGAIN), or less than it asked for,
when a write finds too little room, when a level-triggered wait is silent about it, or with the descriptor. Nothing drawn means: nobody asked.</li>
<li><span class="key arrow">➝</span> From a write, a connect or a close to the wake-up it caused, <em>inferred</em> where both ends are in this trace: pairs, pipes and eventfds by their
descriptors, TCP by its addresses, or by the order of connect and accept where they are not known.</li>
<li><span class="key folded"></span> A folded gap, in which nothing began or ended: it is drawn shorter than it was. The axis says how long it was.</li>
</ul></details>`;

function table({ title, calls, texts }: Drawing, trace: number): Html {
  const rows = calls.start
    .slice(0, WITHOUT_SCRIPT)
    .map(
      (start, i) =>
        html`<tr><td class="number">${(start / 1e6).toFixed(3)}</td><td class="number">${((calls.duration[i] as number) / 1e3).toFixed(1)}</td><td><code>${
          texts[calls.text[i] as number]
        }</code></td></tr>`,
    );
  return html`<details class="calls" data-trace="${trace}"><summary>The calls of ${title}: ${count(calls.start.length)}</summary>
<div class="pager"></div>
<div class="scroll"><table><caption>${calls.start.length > WITHOUT_SCRIPT && `The first ${WITHOUT_SCRIPT}.`}</caption>
<thead><tr><th scope="col" class="number">ms</th><th scope="col" class="number">took, µs</th><th scope="col">call</th></tr></thead>
<tbody>${rows}</tbody></table></div></details>`;
}
