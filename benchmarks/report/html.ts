/** `--html`: a result as a page of its own, which asks the network for nothing. */
import { type Content, type Html, html, jsonScript } from '../../src/page/html.js';
import { asset, page } from '../../src/page/page.js';
import { isDoubtful, type Target } from '../measure/targets.js';
import { duration } from '../progress.js';
import type { BenchResult, Claim, Flag, WorkloadResult } from '../workload.js';
import { bySeries, type ChartData, chartData, rowsOf, seriesNames } from './chart.js';
import { baselinesOf, number, undecided } from './figures.js';
import { exact, list } from './format.js';
import { headline } from './headline.js';
import { chartTable, wholeTable } from './html-tables.js';
import { type Look, looks, MARKS } from './look.js';

const FLAGS: Readonly<Record<Flag, string>> = {
  'generator-bound': 'the load generator had no time left: it may have been the limit, and not the contestant',
  disturbed: 'something else on the machine took CPU time away',
};

const VERDICTS: Readonly<Record<Claim['verdict'], readonly [sign: string, className: string]>> = {
  holds: ['✓', 'good'],
  'in part': ['◐', 'doubt'],
  'does not hold': ['✗', 'bad'],
  'not measured': ['–', 'soft'],
};

function anchor(name: string): string {
  return `workload-${name.replace(/[^\w-]/g, '_')}`;
}

function legendMark({ colour, dash, mark, filled }: Look): Html {
  const ink = `var(--series-${colour})`;
  return html`<svg viewBox="-17 -6 34 12" width="34" height="12" aria-hidden="true"><path d="M-17,0H17" fill="none"
 stroke="${ink}" stroke-width="2" stroke-dasharray="${dash.join(' ') || 'none'}"/><path d="${MARKS[mark]}" transform="scale(4.5)"
 fill="${filled ? ink : 'var(--card)'}" stroke="${ink}" stroke-width="0.35"/></svg>`;
}

function legend(data: ChartData): Content {
  const names = Object.entries(data.looks);
  // Where the only bars have their names beside them, there is nothing to explain.
  if (data.kind === 'bar' && data.panels.every(bySeries)) return '';
  return html`<ul class="legend" aria-label="Shown in this chart">${names.map(
    ([name, look]) =>
      html`<li><button type="button" aria-pressed="true" data-series="${name}" disabled>${legendMark(look)} ${name}</button></li>`,
  )}</ul>`;
}

function description(data: ChartData, panel: string): string {
  const kinds = { line: 'Line chart', bar: 'Bar chart', distribution: 'Distribution' };
  const unit = data.y.unit === '' ? '' : ` in ${data.y.unit}`;
  const where = panel === '' ? '' : `, ${panel}`;
  return `${kinds[data.kind]}, ${data.title}${where}: ${data.y.label}${unit} by ${data.x.label}, ${data.y.better} is better. ${logarithmic(data)} The arrow keys read out the values; the table below has them all.`;
}

function logarithmic({ kind, x, y }: ChartData): string {
  if (x.log && y.log) return 'Both axes are logarithmic.';
  if (!x.log && !y.log) return '';
  return `The ${x.log || kind === 'bar' ? 'horizontal' : 'vertical'} axis is logarithmic.`;
}

function flagged({ panels, flagsDrawn }: ChartData): string {
  const all = panels.flatMap(({ series }) => series.flatMap(({ points }) => points));
  const names = Object.keys(FLAGS) as Flag[];
  const counts = names.flatMap((name) => {
    const count = all.filter(({ flags }) => flags.includes(name)).length;
    return count > 0 ? [`${count} of ${all.length} figures ${name}`] : [];
  });
  return counts.length === 0 ? '' : `⚑ ${list(counts)}${flagsDrawn ? '' : ': too many to be marked in the chart'}.`;
}

/** How many of the comparisons in a chart say nothing. */
function doubts(workload: WorkloadResult, chart: WorkloadResult['charts'][number]): string {
  const ratios = rowsOf(workload, chart).flatMap(({ contestant, ratios: all }) =>
    baselinesOf(workload, contestant).flatMap((baseline) => all[baseline]?.[chart.y] ?? []),
  );
  const count = ratios.filter(undecided).length;
  if (count === 0) return '';
  const whom = list(workload.baselines.filter((name) => workload.rows.some(({ contestant }) => contestant === name)));
  return `In ${count} of ${ratios.length} comparisons with ${whom} the difference is less than the spread.`;
}

function figure(workload: WorkloadResult, chart: WorkloadResult['charts'][number], data: ChartData): Html {
  const notes = [
    data.given === '' ? '' : `${data.given.charAt(0).toUpperCase()}${data.given.slice(1)}.`,
    logarithmic(data),
    data.ownScales ? 'Each chart has a scale of its own.' : '',
    flagged(data),
    doubts(workload, chart),
  ].filter((note) => note !== '');
  return html`<figure id="${data.id}" aria-labelledby="${data.id}-title">
<h3 id="${data.id}-title">${data.title}</h3>
${legend(data)}
<div class="panels" data-kind="${data.kind}" data-count="${data.panels.length}">${data.panels.map(
    ({ title }) => html`<div class="cell">${title !== '' && html`<h4>${title}</h4>`}
<div class="panel" role="img" tabindex="0" aria-label="${description(data, title)}"></div></div>`,
  )}</div>
${notes.length > 0 && html`<figcaption>${notes.join(' ')}</figcaption>`}
${chartTable(data, workload.rounds)}
</figure>`;
}

function section(
  workload: WorkloadResult,
  charts: readonly (readonly [WorkloadResult['charts'][number], ChartData])[],
): Html {
  const missing = Object.entries(workload.missing);
  const id = anchor(workload.name);
  return html`<section id="${id}" aria-labelledby="${id}-title">
<p class="eyebrow">${workload.name}</p>
<h2 id="${id}-title">${workload.title}</h2>
<p class="lead">${workload.question}</p>
${workload.failures.length > 0 && failures(workload)}
${workload.rows.length === 0 && html`<p>Nothing has been measured.</p>`}
${charts.map(([chart, data]) => figure(workload, chart, data))}
${
  workload.notes.length + missing.length > 0 &&
  html`<ul class="notes">${workload.notes.map((note) => html`<li>${note}</li>`)}${missing.map(
    ([name, why]) => html`<li><strong>${name}</strong> did not take part: ${why}</li>`,
  )}</ul>`
}
${workload.rows.length > 0 && wholeTable(workload)}
<p class="soft">${workload.rounds} ${workload.rounds === 1 ? 'round' : 'rounds'} in ${duration(workload.seconds)}.</p>
</section>`;
}

function failures({ failures: all }: WorkloadResult): Html {
  return html`<div class="alarm"><p><strong>It failed.</strong> Something was lost or broke down, and there is no figure for it:</p>
<ul>${all.map(({ contestant, params, message }) => {
    const where = Object.entries(params).map(([name, value]) => `${name} ${exact(value)}`);
    return html`<li>${[contestant ?? 'the workload', ...where].join(', ')}: ${message}</li>`;
  })}</ul></div>`;
}

function claims(workloads: readonly WorkloadResult[]): Content {
  const all = workloads.flatMap((workload) => workload.claims.map((claim) => ({ workload, claim })));
  if (all.length === 0) return '';
  return html`<section id="claims" aria-labelledby="claims-title">
<h2 id="claims-title">What is told, and what was seen</h2>
<p class="lead">The claims of the documents and of the field, beside what this machine measured.</p>
<ul class="claims">${all.map(({ workload, claim: { source, text, measured, verdict } }) => {
    const [sign, className] = VERDICTS[verdict] ?? VERDICTS['not measured'];
    return html`<li><div><p class="eyebrow">${source}</p><blockquote>${text}</blockquote></div>
<div><p class="eyebrow">Measured: <a href="#${anchor(workload.name)}">${workload.name}</a></p><p>${measured}</p>
<p class="verdict ${className}"><span aria-hidden="true">${sign}</span> ${verdict}</p></div></li>`;
  })}</ul>
</section>`;
}

function targets(workloads: readonly WorkloadResult[]): Content {
  const groups = workloads.filter((workload) => workload.targets.length > 0);
  if (groups.length === 0) return '';
  const doubt = html` <abbr title="the rounds do not agree on it: the next run may say otherwise">≈</abbr>`;
  const range = (rounds: Target['rounds']) => (rounds ? `${number(rounds[0])} to ${number(rounds[1])}` : '');
  const verdict = (target: Target) =>
    target.met === null
      ? html`<td class="verdict doubt"><span aria-hidden="true">?</span> not judged</td>`
      : target.met
        ? html`<td class="verdict good"><span aria-hidden="true">✓</span> met${isDoubtful(target) && doubt}</td>`
        : html`<td class="verdict bad"><span aria-hidden="true">✗</span> missed${isDoubtful(target) && doubt}</td>`;
  return html`<section id="targets" aria-labelledby="targets-title">
<h2 id="targets-title">Targets</h2>
<p class="lead">What fdmux set out to reach. None is judged while the machine was busy with something else.</p>
<div class="scroll" role="group" aria-labelledby="targets-title" tabindex="0"><table class="wide">
<thead><tr><th scope="col">Target</th><th scope="col" class="number">Measured</th><th scope="col" class="number">Rounds</th><th scope="col">Verdict</th></tr></thead>
${groups.map(
  (workload) => html`<tbody><tr><th scope="rowgroup" colspan="4">${workload.title}</th></tr>
${workload.targets.map(
  (target) =>
    html`<tr><th scope="row">${target.text}</th><td class="number">${number(target.value)}</td><td class="number">${range(target.rounds)}</td>${verdict(target)}</tr>`,
)}</tbody>`,
)}</table></div>
</section>`;
}

function facts(entries: readonly (readonly [name: string, value: Content])[]): Html {
  return html`<dl class="facts">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function setup({ machine, rivals, missing, options, fdmux, date }: BenchResult): Html {
  const said = (value: BenchResult['options'][string]) =>
    typeof value === 'boolean' ? (value ? 'yes' : 'no') : typeof value === 'object' ? value.join(', ') : exact(value);
  const mitigations = Object.entries(machine.mitigations);
  return html`<section id="machine" aria-labelledby="machine-title">
<h2 id="machine-title">Machine and options</h2>
<p class="lead">A figure without its machine says nothing.</p>
<h3>Machine</h3>
${facts([
  ['CPU', machine.cpu],
  ['CPUs', `${machine.cpus}; allowed: ${machine.allowedCpus.join(', ')}`],
  ['Memory', `${number(machine.memory / 2 ** 30)} GiB`],
  ['Virtualization', machine.virtualization ?? 'none seen'],
  ['Clock governor', machine.governor ?? 'not said'],
  ['Kernel', `Linux ${machine.kernel}, ${machine.arch}`],
  ['C library', machine.libc],
  ['Node.js', machine.node],
  ['Open files', `${exact(machine.openFiles.limit)} a process, at most ${exact(machine.openFiles.hard)}`],
  ['Load before', number(machine.load)],
])}
${
  mitigations.length > 0 &&
  html`<details><summary>What the kernel does about the CPU's flaws, which makes system calls dear</summary>${facts(mitigations)}</details>`
}
<h3>Options</h3>
${facts([['fdmux', fdmux], ['Date', date], ...Object.entries(options).map(([name, value]) => [name, said(value)] as const)])}
<h3>Rivals</h3>
${facts([
  ...Object.entries(rivals),
  ...Object.entries(missing).map(([name, why]) => [name, html`<span class="soft">not there: ${why}</span>`] as const),
])}
</section>`;
}

const READING = html`<section id="reading" aria-labelledby="reading-title">
<h2 id="reading-title">How to read this, and how to distrust it</h2>
<dl class="reading">
<div><dt>Marks and bars</dt><dd>A mark is the median of the rounds; the bar through it reaches from the smallest round to the largest.
The colour of a mark says which call it is, its shape and the dashes who makes it; fdmux's own marks are filled.</dd></div>
<div><dt>Rounds</dt><dd>Contestants take turns in every round, so that what slows the machine down for a while slows all of them.</dd></div>
<div><dt>Ratios</dt><dd>They are taken within each round, and then the median of them: never one median over another.</dd></div>
<div><dt>≈</dt><dd>The rounds do not agree on who is ahead. Take the two for equal.</dd></div>
${Object.entries(FLAGS).map(([name, text]) => html`<div><dt>⚑ ${name}</dt><dd>At least half of the rounds: ${text}.</dd></div>`)}
<div><dt>Latency</dt><dd>The horizontal axis stretches the end: 99 % is as far from 90 % as 90 % from 0. With an open loop a latency
counts from when the message was due, not from when it could be sent.</dd></div>
<div><dt>Loopback</dt><dd>No network card, no delay, no loss: the kernel's own work is dearer in life.</dd></div>
<div><dt>Keys</dt><dd>A chart that has the focus reads out its values with <kbd>←</kbd> and <kbd>→</kbd>; the names above a chart
switch a contestant off and on. Tables that are open are printed.</dd></div>
</dl>
</section>`;

function summary(result: BenchResult): Html {
  const sentences = headline(result);
  const targets = result.workloads.flatMap((workload) => workload.targets);
  const [met, open] = [true, null].map((verdict) => targets.filter((target) => target.met === verdict).length);
  const told = result.workloads.flatMap((workload) => workload.claims);
  const rows = result.workloads.reduce((count, workload) => count + workload.rows.length, 0);
  const seconds = result.workloads.reduce((count, workload) => count + workload.seconds, 0);
  const tiles: (readonly [string, string])[] = [
    ...(targets.length > 0
      ? [[open ? `targets met; ${open} not judged` : 'targets met', `${met} of ${targets.length}`] as const]
      : []),
    ...(told.length > 0
      ? [['claims that hold', `${told.filter(({ verdict }) => verdict === 'holds').length} of ${told.length}`] as const]
      : []),
    ['figures', exact(rows)],
    ['measured in', duration(seconds)],
  ];
  return html`<section class="summary" aria-labelledby="summary-title">
<h2 id="summary-title" class="aside">What the numbers say</h2>
${sentences.length > 0 ? sentences.map((sentence) => html`<p>${sentence}</p>`) : html`<p>There are no figures to sum up.</p>`}
<dl class="tiles">${tiles.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</section>`;
}

function contents(workloads: readonly WorkloadResult[]): Html {
  const links: (readonly [href: string, text: string])[] = [
    ...workloads.map(({ name, title }) => [anchor(name), title] as const),
    ...(workloads.some((workload) => workload.claims.length > 0)
      ? [['claims', 'What is told, and what was seen'] as const]
      : []),
    ...(workloads.some((workload) => workload.targets.length > 0) ? [['targets', 'Targets'] as const] : []),
    ['machine', 'Machine and options'],
    ['reading', 'How to read this'],
  ];
  return html`<nav class="contents" aria-label="Contents"><ul>${links.map(
    ([href, text]) => html`<li><a href="#${href}">${text}</a></li>`,
  )}</ul></nav>`;
}

/**
 * A result as a page.
 * @param result as `fdmux bench` has it or `--json` kept it, whole or not
 * @returns the text of an HTML file
 * @throws Error when the parts of the page have not been built
 */
export function renderReport(result: BenchResult): string {
  const { machine, workloads, date, interrupted } = result;
  const charts = workloads.map((workload) => {
    const chosen = looks(seriesNames(workload));
    return {
      workload,
      charts: workload.charts.flatMap((chart) => {
        const data = chartData(workload, chart, chosen);
        return data === null ? [] : [[chart, data] as const];
      }),
    };
  });
  const day = new Date(date);
  const when = Number.isNaN(day.getTime())
    ? date
    : day.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' });
  const cpus = `${machine.cpus} ${machine.cpus === 1 ? 'CPU' : 'CPUs'}`;
  return page({
    title: `fdmux bench: ${machine.cpu}, Linux ${machine.kernel}`,
    description: `select, poll and epoll measured by fdmux ${result.fdmux} on ${machine.cpu}, Linux ${machine.kernel}, ${when}.`,
    header: html`<p class="eyebrow">fdmux bench</p>
<h1>select, poll and epoll, measured</h1>
<p class="lead">${machine.cpu}, ${cpus}, Linux ${machine.kernel}, Node.js ${machine.node}. ${when}.</p>`,
    body: html`${
      interrupted &&
      html`<p class="alarm"><strong>Interrupted.</strong> The run was ended before its time: what follows is what had been measured by then.</p>`
    }
${summary(result)}
<noscript><p class="alarm">The charts want scripts. Without them there are the tables.</p></noscript>
<p id="live" class="aside" role="status"></p>
<div class="columns">${contents(workloads)}
<div class="sections">${charts.map(({ workload, charts: drawn }) => section(workload, drawn))}
${claims(workloads)}
${targets(workloads)}
${setup(result)}
${READING}</div></div>
${jsonScript(
  'charts',
  charts.flatMap(({ charts: drawn }) => drawn.map(([, data]) => data)),
)}`,
    footer: html`<p>Made by <code>fdmux bench --html</code>, fdmux ${result.fdmux}. Measure on your own machine: these figures are of one.</p>`,
    style: asset('benchmarks/report/browser/style.css'),
    script: asset('benchmarks/report/browser/main.js'),
  });
}
