/** `--svg`: the chart of a result as a small picture for a README, light or dark as the reader's system is, with its machine. */
import { type Html, html } from '../../src/page/html.js';
import { asset } from '../../src/page/page.js';
import { packageRoot } from '../../src/sys/native.js';
import type { BenchResult, WorkloadResult } from '../workload.js';
import { type ChartData, chartData, type Panel, seriesNames } from './chart.js';
import { looks, MARKS } from './look.js';

/** What the bundle for the browser offers outside of one. */
interface Bundle {
  picture(data: ChartData, panel: Panel, width: number): string;
}

const { picture } = (await import(new URL('dist/benchmarks/report/browser/main.js', packageRoot).href)) as Bundle;

const WIDTH = 760;
const MARGIN = 20;
const FONT = 'system-ui, -apple-system, sans-serif';
/** About what a letter of 13 pixels takes. */
const LETTER = 6.9;

/** More than these and nothing can be seen at that size: each call once, by fdmux and by C. */
const SHOWN = /^(?:fdmux|C)\b.*\b(?:select|poll|epoll)(?:[ ,]+level)?$/;

function shownOf(data: ChartData): Panel | undefined {
  const panel = data.panels[0];
  if (panel === undefined) return undefined;
  const chosen = panel.series.filter(({ name }) => SHOWN.test(name));
  return { ...panel, series: chosen.length > 1 ? chosen : panel.series };
}

/** The scaling chart where it was measured, else the first line chart that there is, else any. */
function choose(workloads: readonly WorkloadResult[]): ChartData | undefined {
  const all = workloads.flatMap((workload) => {
    const chosen = looks(seriesNames(workload));
    return workload.charts.flatMap((chart) => {
      const data = chartData(workload, chart, chosen);
      return data === null ? [] : [{ workload, data }];
    });
  });
  const scaling = all.find(({ workload, data }) => workload.name === 'scaling' && data.kind === 'line');
  return (scaling ?? all.find(({ data }) => data.kind === 'line') ?? all[0])?.data;
}

/** The names, set in lines as wide as the picture. */
function legend(data: ChartData, { series }: Panel, top: number): { markup: Html[]; bottom: number } {
  let x = MARGIN;
  let y = top;
  const markup = series.flatMap(({ name }) => {
    const look = data.looks[name];
    if (look === undefined) return [];
    const width = 46 + name.length * LETTER + 14;
    if (x > MARGIN && x + width > WIDTH - MARGIN) {
      x = MARGIN;
      y += 22;
    }
    const colour = `var(--series-${look.colour})`;
    const item = html`<g transform="translate(${x + 17} ${y})"><path d="M-17,0H17" fill="none" stroke="${colour}" stroke-width="2"
 stroke-dasharray="${look.dash.join(' ') || 'none'}"/><path d="${MARKS[look.mark]}" transform="scale(4.5)" stroke-width="0.35"
 fill="${look.filled ? colour : 'var(--card)'}" stroke="${colour}"/><text x="24" y="4.5" font-size="13" fill="var(--ink)">${name}</text></g>`;
    x += width;
    return [item];
  });
  return { markup, bottom: y };
}

/** Colours by their light values, and the dark ones for who prefers them: not every viewer of SVG knows variables. */
function coloured(svg: string): string {
  const variables = asset('src/page/browser/style.css').matchAll(/--([\w-]+):\s*light-dark\((#\w+),\s*(#\w+)\)/g);
  const dark: string[] = [];
  let text = svg;
  for (const [, name, light, other] of variables) {
    if (!text.includes(`var(--${name})`)) continue;
    text = text.replaceAll(`var(--${name})`, String(light));
    for (const property of ['fill', 'stroke']) dark.push(`[${property}="${light}"]{${property}:${other}}`);
  }
  return text.replace('<style></style>', `<style>@media(prefers-color-scheme:dark){${dark.join('')}}</style>`);
}

/** Without what ECharts leaves in it for a mouse: a picture in a README has none. */
function still(svg: string): string {
  return svg
    .replace(/<style >[\s\S]*?<\/style>\n?/, '')
    .replace(/ (?:class|pointer-events|xml:space|ecmeta_\w+)="[^"]*"/g, '')
    .replace(/(\.\d\d)\d+/g, '$1');
}

/** Text in lines no wider than the picture. */
function wrapped(text: string): string[] {
  const room = (WIDTH - 2 * MARGIN) / (LETTER * 0.92);
  return text.split(' ').reduce<string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
    return lines;
  }, []);
}

function machineText({ machine, date, fdmux }: BenchResult): string {
  const cpus = `${machine.cpus} ${machine.cpus === 1 ? 'CPU' : 'CPUs'}`;
  return `${machine.cpu}, ${cpus}, Linux ${machine.kernel}, Node.js ${machine.node}; fdmux ${fdmux}, ${date.slice(0, 10)}`;
}

/**
 * The scaling chart of a result, or another where that was not measured.
 * @returns the text of an SVG file
 */
export function renderChart(result: BenchResult): string {
  const data = choose(result.workloads);
  const panel = data && shownOf(data);
  const machine = wrapped(machineText(result));
  const title = [data?.title ?? 'Nothing was measured', panel?.title].filter(Boolean).join(', ');
  const head = 34;
  const names = data && panel ? legend(data, panel, head + 26) : { markup: [], bottom: head };
  const drawn = data && panel ? still(picture(data, panel, WIDTH - 2 * MARGIN)) : '';
  const [, height = '0'] = /^<svg[^>]*?\bheight="([\d.]+)"/.exec(drawn) ?? [];
  const top = names.bottom + 24;
  const foot = top + Number(height) + 24;
  const whole = foot + (machine.length - 1) * 18 + MARGIN;
  const markup = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${whole}" width="${WIDTH}" height="${whole}"
 font-family="${FONT}" role="img" aria-label="${title}. ${machineText(result)}">
<style></style>
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${whole - 1}" rx="10" fill="var(--card)" stroke="var(--line)"/>
<text x="${MARGIN}" y="${head}" font-size="17" font-weight="600" fill="var(--ink)">${title}</text>
${names.markup}
<g id="chart"></g>
${machine.map((line, i) => html`<text x="${MARGIN}" y="${foot + i * 18}" font-size="12" fill="var(--soft)">${line}</text>`)}
</svg>
`;
  const placed = drawn.replace(/^<svg /, `<svg x="${MARGIN}" y="${top}" `);
  return coloured(markup.markup.replace('<g id="chart"></g>', () => placed));
}
