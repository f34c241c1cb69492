/** The figures behind the charts, as tables: for those who cannot see a chart, and for those who do not trust one. */
import { type Content, type Html, html } from '../../src/page/html.js';
import type { Spread } from '../measure/statistics.js';
import type { Metric, Row, WorkloadResult } from '../workload.js';
import type { ChartData, Panel, Point, Series } from './chart.js';
import { number, undecided } from './figures.js';
import { exact, percentile, range, withUnit } from './format.js';

function details(summary: string, table: Html): Html {
  return html`<details class="figures"><summary>${summary}</summary>
<div class="scroll" role="group" aria-label="${summary}" tabindex="0">${table}</div></details>`;
}

const FLAGGED = html` <abbr title="flagged: see how to read this">⚑</abbr>`;

function cell(point: Point | undefined): Html {
  if (point === undefined) return html`<td class="number soft">–</td>`;
  const spread = point.min === point.max ? '' : html`<small>${range(point)}</small>`;
  return html`<td class="number">${number(point.median)}${point.flags.length > 0 && FLAGGED}${spread}</td>`;
}

function title({ title: panel }: Panel, columns: number): Content {
  return panel !== '' && html`<tr><th scope="rowgroup" colspan="${columns}">${panel}</th></tr>`;
}

function xName(data: ChartData, x: number): string {
  return data.kind === 'distribution' ? percentile(x) : (data.categories?.[x] ?? exact(x));
}

function head(data: ChartData, first: string, columns: readonly string[], rounds: number): Html {
  const what = withUnit(data.y.label, data.y.unit === '' ? '' : `in ${data.y.unit}`);
  const how = data.kind === 'distribution' ? 'the median of' : 'median, and smallest to largest, of';
  return html`<caption>${data.title}: ${what}, ${how} ${rounds} ${rounds === 1 ? 'round' : 'rounds'}</caption>
<thead><tr><th scope="col">${first}</th>${columns.map((name) => html`<th scope="col" class="number">${name}</th>`)}</tr></thead>`;
}

function at({ points }: Series, x: number): Point | undefined {
  return points.find((point) => point.x === x);
}

/** @param rounds that were measured */
export function chartTable(data: ChartData, rounds: number): Html {
  const names = Object.keys(data.looks);
  const all = data.panels.flatMap(({ series }) => series.flatMap(({ points }) => points.map(({ x }) => x)));
  const xs = [...new Set(all)].sort((a, b) => a - b);
  const series = (panel: Panel, name: string) => panel.series.find((one) => one.name === name);
  // Whichever there are more of go down.
  const across = data.kind === 'distribution' || names.length >= xs.length;
  const columns = across ? xs.map((x) => xName(data, x)) : names;
  const first = across
    ? data.kind === 'distribution'
      ? 'contestant'
      : `contestant, by ${data.x.label}`
    : data.x.label;
  const body = data.panels.map((panel) => {
    const lines = across
      ? panel.series.map((one) => [one.name, xs.map((x) => cell(at(one, x)))] as const)
      : xs.map(
          (x) =>
            [xName(data, x), names.map((name) => cell(at(series(panel, name) ?? { name, points: [] }, x)))] as const,
        );
    return html`<tbody>${title(panel, columns.length + 1)}
${lines.map(([name, cells]) => html`<tr><th scope="row">${name}</th>${cells}</tr>`)}</tbody>`;
  });
  return details('The figures of this chart', html`<table>${head(data, first, columns, rounds)}${body}</table>`);
}

/** @param beside whom, where that is not the same all the way down */
function ratioCell(ratio: Spread | undefined, beside: string): Html {
  if (ratio === undefined) return html`<td class="number soft">–</td>`;
  return html`<td class="number">${number(ratio.median)}${
    undecided(ratio) && html` <abbr title="less than the spread: the rounds do not agree on who is ahead">≈</abbr>`
  }${beside !== '' && ` × ${beside}`}<small>${range(ratio)}</small></td>`;
}

/** One column of ratios. */
interface Compared {
  readonly title: string;
  readonly metric: string;
  /** `null`: each contestant's own twin. */
  readonly baseline: string | null;
}

function comparisons(workload: WorkloadResult, charted: readonly Metric[]): Compared[] {
  const { twins = {}, baselines, rows } = workload;
  const common = baselines.filter((name) => !Object.values(twins).includes(name));
  const columns = [...(Object.keys(twins).length > 0 ? [null] : []), ...common].flatMap((baseline) =>
    charted.map(({ name, label }) => ({
      title: `${charted.length > 1 ? `${label} ` : ''}× ${baseline ?? 'its twin'}`,
      metric: name,
      baseline,
    })),
  );
  return columns.filter(({ baseline, metric }) =>
    rows.some(({ contestant, ratios }) => ratios[baseline ?? twins[contestant] ?? '']?.[metric] !== undefined),
  );
}

/** Everything that was measured: a row for each contestant in each case. */
export function wholeTable(workload: WorkloadResult): Html {
  const { rows, params, metrics, rounds } = workload;
  const present = params.filter(({ name }) => rows.some((row) => name in row.params));
  const measured = metrics.filter(({ name }) => rows.some((row) => name in row.metrics));
  const charted = measured.filter(({ name }) => workload.charts.some(({ y }) => y === name));
  const compared = comparisons(workload, charted);
  const flagged = rows.some(({ flags }) => flags.length > 0);
  const line = (row: Row) => html`<tr><th scope="row">${row.contestant}</th>
${present.map(({ name }) => {
  const value = row.params[name];
  return html`<td class="${typeof value === 'number' && 'number'}">${value === undefined ? '–' : exact(value)}</td>`;
})}
${measured.map(({ name }) => {
  const figure = row.metrics[name];
  return figure === undefined
    ? html`<td class="number soft">–</td>`
    : html`<td class="number">${number(figure.median)}<small>${range(figure)}</small></td>`;
})}
${compared.map(({ baseline, metric }) => {
  const beside = baseline ?? workload.twins?.[row.contestant] ?? '';
  return ratioCell(row.ratios[beside]?.[metric], baseline === null ? beside : '');
})}
${flagged && html`<td>${row.flags.join(', ')}</td>`}</tr>`;
  const table = html`<table><caption>Median and, below, smallest to largest of ${rounds} rounds. Ratios were taken round by round;
≈ marks those where the rounds do not agree on who is ahead.</caption>
<thead><tr><th scope="col">contestant</th>
${present.map(({ label }) => html`<th scope="col">${label}</th>`)}
${measured.map(({ label, unit }) => html`<th scope="col" class="number">${label}${unit !== '' && unit !== label && `, ${unit}`}</th>`)}
${compared.map(({ title }) => html`<th scope="col" class="number">${title}</th>`)}
${flagged && html`<th scope="col">flags</th>`}</tr></thead>
<tbody>${rows.map(line)}</tbody></table>`;
  return details(`All ${rows.length} rows of ${workload.name}`, table);
}
