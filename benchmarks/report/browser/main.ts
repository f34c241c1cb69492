/**
 * Draws the charts of the report: values under the mouse, the finger and the arrow keys, series that can be switched off.
 * Without a page it only offers a chart as a picture.
 */
import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, TitleComponent, TooltipComponent } from 'echarts/components';
import { type ECharts, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import type { ChartData, Panel, Point } from '../chart.js';
import { number } from '../figures.js';
import { exact, percentile, range, withUnit } from '../format.js';
import { MARKS } from '../look.js';
import { colour, option, panelHeight } from './option.js';

use([LineChart, CustomChart, GridComponent, TitleComponent, TooltipComponent, SVGRenderer]);

/** One panel as an SVG document, with colours by the names of the page's variables. */
export function picture(data: ChartData, panel: Panel, width: number): string {
  const height = panelHeight(data, panel, width);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption(option(data, panel, new Set(Object.keys(data.looks)), width));
  const svg = chart.renderToSVGString({ useViewBox: true });
  chart.dispose();
  return svg;
}

const SVG = 'http://www.w3.org/2000/svg';

function element(name: string, className: string, text = ''): HTMLElement {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

/** The mark of a series, as in the legend. */
function mark(data: ChartData, name: string): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const path = document.createElementNS(SVG, 'path');
  const look = data.looks[name];
  if (look !== undefined) {
    svg.setAttribute('viewBox', '-1.4 -1.4 2.8 2.8');
    path.setAttribute('d', MARKS[look.mark]);
    path.setAttribute('fill', look.filled ? colour(look) : 'var(--card)');
    path.setAttribute('stroke', colour(look));
    path.setAttribute('stroke-width', '0.35');
  }
  svg.append(path);
  return svg;
}

interface Entry {
  readonly name: string;
  readonly point: Point;
}

/** Every x of a panel, and who has a value there, the largest first. */
function places(data: ChartData, { series }: Panel, shown: ReadonlySet<string>): [x: number, entries: Entry[]][] {
  const all = new Map<number, Entry[]>();
  for (const { name, points } of series) {
    if (!shown.has(name)) continue;
    for (const point of points) all.set(point.x, [...(all.get(point.x) ?? []), { name, point }]);
  }
  const sorted = [...all].sort(([a], [b]) => a - b);
  if (data.kind !== 'bar') for (const [, entries] of sorted) entries.sort((a, b) => b.point.median - a.point.median);
  return sorted;
}

function heading(data: ChartData, x: number): string {
  if (data.kind === 'distribution') return x === 1 ? 'the longest' : `${percentile(x)} took no longer than`;
  return `${data.x.label}: ${data.categories?.[x] ?? exact(x)}`;
}

function tip(data: ChartData, x: number, entries: readonly Entry[]): HTMLElement {
  const whole = element('div', 'tip');
  const table = document.createElement('table');
  for (const { name, point } of entries) {
    const row = table.insertRow();
    const first = row.insertCell();
    first.append(mark(data, name), ` ${name}`);
    const value = row.insertCell();
    value.className = 'number';
    value.textContent = `${number(point.median)}${point.flags.length > 0 ? ' ⚑' : ''}`;
    const spread = row.insertCell();
    spread.className = 'number soft';
    spread.textContent = point.min === point.max ? '' : range(point);
  }
  whole.append(
    element('strong', '', heading(data, x)),
    element('span', 'soft', `${data.y.label}${data.y.unit === '' ? '' : `, ${data.y.unit}`}`),
    table,
  );
  return whole;
}

function spoken(data: ChartData, x: number, entries: readonly Entry[]): string {
  const each = entries.map(({ name, point }) => `${name} ${withUnit(number(point.median), data.y.unit)}`);
  return `${heading(data, x)}: ${each.join('; ')}`;
}

/** One small chart on the page. */
class Drawn {
  readonly #chart: ECharts;
  #at: number | undefined;

  constructor(
    readonly data: ChartData,
    readonly panel: Panel,
    readonly container: HTMLElement,
    readonly shown: ReadonlySet<string>,
    readonly say: (text: string) => void,
  ) {
    this.#chart = init(container, null, { renderer: 'svg', ...this.#size() });
    this.draw();
    container.addEventListener('keydown', (event) => this.#key(event));
    container.addEventListener('blur', () => this.#leave());
  }

  #size(paper?: number): { width: number; height: number } {
    const width = paper ?? this.container.clientWidth;
    // Lower on paper, so that a page holds more than one.
    return { width, height: panelHeight(this.data, this.panel, width) * (paper === undefined ? 1 : 0.75) };
  }

  /** @param paper how wide it is to be on paper, in pixels; without it as wide as its place on the screen */
  draw(paper?: number): void {
    const size = this.#size(paper);
    if (size.width === 0) return;
    this.#chart.resize(size);
    const common = option(this.data, this.panel, this.shown, size.width);
    this.#chart.setOption({ ...common, tooltip: this.#tooltip() }, { notMerge: true });
    // Whatever the paper's width turns out to be, the chart scales to it.
    this.container.querySelector('svg')?.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`);
  }

  highlight(name: string | null): void {
    if (name === null) this.#chart.dispatchAction({ type: 'downplay' });
    else this.#chart.dispatchAction({ type: 'highlight', seriesName: name });
  }

  #tooltip() {
    const bars = this.data.kind === 'bar';
    return {
      trigger: 'axis' as const,
      confine: true,
      enterable: false,
      transitionDuration: 0,
      backgroundColor: 'var(--card)',
      borderColor: 'var(--line)',
      textStyle: { color: 'var(--ink)', fontSize: 13 },
      axisPointer: bars
        ? { type: 'shadow' as const, axis: 'y' as const, shadowStyle: { color: 'var(--line)', opacity: 0.3 } }
        : {
            type: 'line' as const,
            axis: 'x' as const,
            snap: true,
            lineStyle: { color: 'var(--soft)', type: 'dotted' as const },
          },
      formatter: (items: unknown) =>
        this.#content(items as { seriesName: string; seriesType: string; dataIndex: number }[]),
    };
  }

  #content(items: readonly { seriesName: string; seriesType: string; dataIndex: number }[]): HTMLElement | string {
    const type = this.data.kind === 'bar' ? 'custom' : 'line';
    const entries = items.flatMap(({ seriesName: name, seriesType, dataIndex }): Entry[] => {
      const point = this.panel.series.find((series) => series.name === name)?.points[dataIndex];
      return seriesType === type && point !== undefined ? [{ name, point }] : [];
    });
    if (this.data.kind !== 'bar') entries.sort((a, b) => b.point.median - a.point.median);
    const x = entries[0]?.point.x;
    return x === undefined ? '' : tip(this.data, x, entries);
  }

  #key(event: KeyboardEvent): void {
    const all = places(this.data, this.panel, this.shown);
    const steps: Record<string, number> = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
    if (event.key === 'Escape') this.#leave();
    const step = steps[event.key];
    if (step === undefined || all.length === 0) return;
    event.preventDefault();
    this.#at = Math.min(
      all.length - 1,
      Math.max(0, this.#at === undefined ? (step > 0 ? 0 : all.length - 1) : this.#at + step),
    );
    const [x, entries] = all[this.#at] as [number, Entry[]];
    this.say(spoken(this.data, x, entries));
    const { name } = entries[0] as Entry;
    const series = this.panel.series.find((one) => one.name === name);
    const drawn = (this.#chart.getOption() as { series: { name: string; type: string }[] }).series;
    const type = this.data.kind === 'bar' ? 'custom' : 'line';
    const seriesIndex = drawn.findIndex((one) => one.name === name && one.type === type);
    const dataIndex = series?.points.findIndex((point) => point.x === x) ?? 0;
    this.#chart.dispatchAction({ type: 'showTip', seriesIndex, dataIndex });
  }

  #leave(): void {
    this.#at = undefined;
    this.#chart.dispatchAction({ type: 'hideTip' });
  }
}

/** A figure: its legend and its panels. */
function drawFigure(figure: HTMLElement, data: ChartData, say: (text: string) => void): Drawn[] {
  const shown = new Set(Object.keys(data.looks));
  const containers = [...figure.querySelectorAll<HTMLElement>('.panel')];
  const panels = data.panels.flatMap((panel, i) => {
    const container = containers[i];
    return container === undefined ? [] : [new Drawn(data, panel, container, shown, say)];
  });
  for (const button of figure.querySelectorAll<HTMLButtonElement>('.legend button')) {
    const name = button.dataset.series ?? '';
    button.disabled = false;
    button.addEventListener('click', () => {
      if (!shown.delete(name)) shown.add(name);
      button.setAttribute('aria-pressed', String(shown.has(name)));
      for (const panel of panels) panel.draw();
    });
    const highlight = (on: boolean) => () => {
      for (const panel of panels) panel.highlight(on && shown.has(name) ? name : null);
    };
    button.addEventListener('mouseenter', highlight(true));
    button.addEventListener('mouseleave', highlight(false));
    button.addEventListener('focus', highlight(true));
    button.addEventListener('blur', highlight(false));
  }
  return panels;
}

/** In pixels, within the margins of A4 and of letter paper. */
const PAPER = 660;

function drawPage(): void {
  const data = JSON.parse(document.getElementById('charts')?.textContent ?? '[]') as ChartData[];
  const live = document.getElementById('live');
  const say = (text: string) => {
    if (live !== null) live.textContent = text;
  };
  const drawn = data.flatMap((chart) => {
    const figure = document.getElementById(chart.id);
    return figure === null ? [] : drawFigure(figure, chart, say);
  });
  const byContainer = new Map<Element, Drawn>(drawn.map((one) => [one.container, one]));
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) byContainer.get(target)?.draw();
  });
  for (const { container } of drawn) observer.observe(container);
  addEventListener('beforeprint', () => {
    for (const one of drawn) one.draw(one.data.panels.length === 1 ? PAPER : PAPER / 2);
  });
  addEventListener('afterprint', () => {
    for (const one of drawn) one.draw();
  });
  document.documentElement.dataset.ready = String(drawn.length);
}

if (typeof document !== 'undefined') drawPage();
