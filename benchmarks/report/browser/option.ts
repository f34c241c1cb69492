/** A chart as ECharts is told it. Colours are the page's variables: they change with it, and on paper. */
import type { CustomSeriesOption, LineSeriesOption } from 'echarts/charts';
import type { GridComponentOption, TitleComponentOption, TooltipComponentOption } from 'echarts/components';
import type { ComposeOption } from 'echarts/core';
import { bySeries, type ChartData, type Panel, type Point } from '../chart.js';
import { number } from '../figures.js';
import { exact, percentile, withUnit } from '../format.js';
import { type Look, MARKS } from '../look.js';
import { linearScale, logScale, quantilePlace, type Scale } from '../scale.js';

export type Option = ComposeOption<
  LineSeriesOption | CustomSeriesOption | GridComponentOption | TitleComponentOption | TooltipComponentOption
>;
type RenderItem = NonNullable<CustomSeriesOption['renderItem']>;

/** More rows of bars than this are drawn as marks on one line for each category. */
const MAX_BARS = 42;
const BAR = 24;
const DOTS = 30;
/** Below and above the rows of bars. */
const MARGINS = 72;

const FONT = { fontFamily: 'system-ui, sans-serif', fontSize: 12 };
const SOFT = { ...FONT, color: 'var(--soft)' };

export function colour(look: Look): string {
  return `var(--series-${look.colour})`;
}

function look(data: ChartData, name: string): Look {
  return data.looks[name] as Look;
}

/** A mark's fill and outline. */
function ink(one: Look): { fill: string; stroke: string } {
  return { fill: one.filled ? colour(one) : 'var(--card)', stroke: colour(one) };
}

/** The rows of a bar chart: where each series of a category stands. */
interface Rows {
  readonly labels: readonly string[];
  readonly perLabel: number;
  readonly dots: boolean;
  place(series: number, x: number): { label: number; slot: number };
}

function rowsOf(data: ChartData, panel: Panel): Rows {
  const { series } = panel;
  if (bySeries(panel)) {
    return {
      labels: series.map(({ name }) => name),
      perLabel: 1,
      dots: false,
      place: (label) => ({ label, slot: 0 }),
    };
  }
  // Those of this panel only.
  const xs = [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const dots = xs.length * series.length > MAX_BARS;
  return {
    labels: xs.map((x) => data.categories?.[x] ?? String(x)),
    perLabel: dots ? 1 : series.length,
    dots,
    place: (one, x) => ({ label: xs.indexOf(x), slot: dots ? 0 : one }),
  };
}

/** How high a panel has to be, in pixels. */
export function panelHeight(data: ChartData, panel: Panel, width: number): number {
  if (data.kind !== 'bar') return width < 480 ? 320 : width < 800 ? 360 : 440;
  const rows = rowsOf(data, panel);
  const each = rows.dots ? DOTS : rows.perLabel === 1 ? BAR + 8 : rows.perLabel * BAR + 14;
  return MARGINS + rows.labels.length * each;
}

function points(panels: readonly Panel[]): Point[] {
  return panels.flatMap(({ series }) => series.flatMap((one) => one.points));
}

function valueScale(data: ChartData, panel: Panel, steps: number): Scale {
  const values = points(data.ownScales ? [panel] : data.panels).flatMap(({ min, max, median }) => [min, max, median]);
  return data.y.log ? logScale(values) : linearScale(values, steps);
}

/** An axis of values, horizontal or vertical. */
function valueAxis(data: ChartData, scale: Scale, log: boolean, label: string) {
  return {
    type: log ? ('log' as const) : ('value' as const),
    min: scale.min,
    max: scale.max,
    axisTick: { show: false, customValues: [...scale.ticks] },
    axisLabel: {
      ...SOFT,
      customValues: [...scale.ticks],
      hideOverlap: true,
      formatter: (value: number) => exact(value),
    },
    axisLine: { show: true, onZero: false, lineStyle: { color: 'var(--soft)' } },
    splitLine: { lineStyle: { color: 'var(--line)', width: 1 } },
    ...(label === '' ? {} : { name: label, nameLocation: 'middle' as const, nameGap: 28, nameTextStyle: SOFT }),
    id: data.id,
  };
}

function categoryAxis(labels: readonly string[], label: string, width: number) {
  return {
    type: 'category' as const,
    data: [...labels],
    axisTick: { show: false },
    axisLine: { onZero: false, lineStyle: { color: 'var(--soft)' } },
    axisLabel: { ...SOFT, color: 'var(--ink)', interval: 0, width, overflow: 'break' as const, lineHeight: 14 },
    ...(label === '' ? {} : { name: label, nameLocation: 'middle' as const, nameGap: 28, nameTextStyle: SOFT }),
  };
}

function quantileAxis(data: ChartData) {
  const quantiles = points(data.panels).map(({ x }) => x);
  const shown = [...new Set(quantiles)].filter((one) => [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1].includes(one));
  const places = new Map(shown.map((one) => [quantilePlace(one, quantiles), one]));
  const all = quantiles.map((one) => quantilePlace(one, quantiles));
  const ticks = [...places.keys()];
  const axis = valueAxis(
    data,
    { min: Math.min(...all) - 0.1, max: Math.max(...all) + 0.15, ticks },
    false,
    data.x.label,
  );
  const formatter = (place: number) => percentile([...places].find(([at]) => Math.abs(at - place) < 1e-6)?.[1] ?? 0);
  return { ...axis, axisLabel: { ...axis.axisLabel, formatter } };
}

/** Labelled where something was measured, unless that is too often. */
function xScale(data: ChartData): Scale {
  const values = [...new Set(points(data.panels).map(({ x }) => x))].sort((a, b) => a - b);
  const room = ((values.at(-1) ?? 0) - (values[0] ?? 0) || 1) * 0.03;
  const scale = data.x.log
    ? logScale(values)
    : { min: (values[0] ?? 0) - room, max: (values.at(-1) ?? 0) + room, ticks: linearScale(values).ticks };
  return values.length > 10 ? scale : { ...scale, ticks: apart(values, data.x.log) };
}

/** Those that can be written side by side: the first always, the others unless they come too close. */
function apart(values: readonly number[], log: boolean): number[] {
  const place = (value: number) => (log ? Math.log(value) : value);
  const [first = 0, last = 0] = [values[0], values.at(-1)];
  const least = (place(last) - place(first)) * 0.07;
  const kept: number[] = [];
  for (const value of values) {
    const before = kept.at(-1);
    if (before === undefined || place(value) - place(before) >= least) kept.push(value);
  }
  return kept;
}

/** The axis of what is measured, in words. */
export function yLabel({ y }: ChartData): string {
  const what = y.unit.startsWith(y.label) ? y.unit : [y.label, y.unit].filter((part) => part !== '').join(', ');
  return `${what} (${y.better} is better)`;
}

/** From the smallest round to the largest, with a bar at both ends. */
function whisker(x1: number, y1: number, x2: number, y2: number, stroke: string) {
  const [dx, dy] = x1 === x2 ? [3.5, 0] : [0, 3.5];
  const end = (x: number, y: number) => `M${x - dx},${y - dy}L${x + dx},${y + dy}`;
  return {
    type: 'path' as const,
    shape: { pathData: `M${x1},${y1}L${x2},${y2}${end(x1, y1)}${end(x2, y2)}` },
    style: { stroke, lineWidth: 1.25, fill: 'none' },
  };
}

function flag(x: number, y: number) {
  return {
    type: 'text' as const,
    style: { text: '⚑', x, y, fill: 'var(--doubt)', font: '11px system-ui, sans-serif', align: 'center' as const },
  };
}

function base(data: ChartData, width: number) {
  return {
    animation: false,
    textStyle: FONT,
    title: {
      text: yLabel(data),
      left: 0,
      top: 0,
      padding: 0,
      textStyle: {
        ...SOFT,
        lineHeight: 16,
        fontWeight: 'normal' as const,
        width: width - 8,
        overflow: 'break' as const,
      },
    },
    grid: {
      left: 2,
      right: 14,
      top: yLabel(data).length * 6.5 > width ? 46 : 30,
      bottom: 4,
      outerBoundsMode: 'same' as const,
      outerBoundsContain: 'all' as const,
    },
  };
}

function lines(data: ChartData, panel: Panel, shown: ReadonlySet<string>, width: number): Option {
  const distributed = data.kind === 'distribution';
  const quantiles = points(data.panels).map(({ x }) => x);
  const place = (x: number) => (distributed ? quantilePlace(x, quantiles) : x);
  const series = panel.series.filter(({ name }) => shown.has(name));
  const drawn = series.flatMap(({ name, points: all }): (LineSeriesOption | CustomSeriesOption)[] => {
    const one = look(data, name);
    const { fill, stroke } = ink(one);
    const marks: LineSeriesOption = {
      name,
      type: 'line',
      data: all.map(({ x, median }) => [place(x), median]),
      symbol: `path://${MARKS[one.mark]}`,
      symbolSize: width < 480 ? 7 : 8,
      showAllSymbol: true,
      triggerLineEvent: true,
      z: one.filled ? 4 : 3,
      lineStyle: {
        color: stroke,
        width: one.filled ? 2.25 : 1.75,
        type: one.dash.length === 0 ? 'solid' : [...one.dash],
      },
      itemStyle: { color: fill, borderColor: stroke, borderWidth: 1.5 },
      emphasis: {
        focus: 'series',
        scale: false,
        lineStyle: { color: stroke, width: 3 },
        itemStyle: { color: fill, borderColor: stroke, borderWidth: 2 },
      },
      blur: { lineStyle: { opacity: 0.15 }, itemStyle: { opacity: 0.15 } },
    };
    const render: RenderItem = ({ dataIndex }, api) => {
      const { x, min, max, flags } = all[dataIndex] as Point;
      const [px = 0, low = 0] = api.coord([place(x), min]);
      const [, high = 0] = api.coord([place(x), max]);
      return {
        type: 'group',
        emphasisDisabled: true,
        children: [
          ...(low - high > 1 ? [whisker(px, low, px, high, stroke)] : []),
          ...(data.flagsDrawn && flags.length > 0 ? [flag(px, high - 20)] : []),
        ],
      };
    };
    const spread: CustomSeriesOption = {
      name,
      type: 'custom',
      silent: true,
      z: 2,
      data: all.map(({ x, median }) => [place(x), median]),
      renderItem: render,
      tooltip: { show: false },
    };
    return [spread, marks];
  });
  const x = distributed
    ? quantileAxis(data)
    : data.categories === null
      ? valueAxis(data, xScale(data), data.x.log, data.x.label)
      : { ...categoryAxis(data.categories, data.x.label, 60), boundaryGap: true };
  return {
    ...base(data, width),
    xAxis: { ...x, splitLine: { show: false }, axisTick: { ...x.axisTick, show: data.categories === null } },
    yAxis: valueAxis(data, valueScale(data, panel, 5), data.y.log, ''),
    series: drawn,
  };
}

/** As wide as the longest, but no wider than a third of the chart. */
function labelWidth(labels: readonly string[], width: number): number {
  return Math.min(Math.max(...labels.map((label) => label.length)) * 6.9 + 4, Math.max(72, width / 3));
}

function bars(data: ChartData, panel: Panel, shown: ReadonlySet<string>, width: number): Option {
  const rows = rowsOf(data, panel);
  const scale = valueScale(data, panel, width < 480 ? 3 : 5);
  const drawn = panel.series.flatMap(({ name, points: all }, index): CustomSeriesOption[] => {
    if (!shown.has(name)) return [];
    const one = look(data, name);
    const { fill, stroke } = ink(one);
    const render: RenderItem = ({ dataIndex }, api) => {
      const { x, median, min, max, flags } = all[dataIndex] as Point;
      const { label, slot } = rows.place(index, x);
      const [, middle = 0] = api.coord([scale.min, label]);
      const [, band = 0] = (api.size?.([0, 1]) ?? []) as number[];
      const step = Math.min(BAR, band / rows.perLabel);
      const y = middle + (slot - (rows.perLabel - 1) / 2) * step;
      const at = (value: number) => api.coord([value, label])[0] as number;
      const r = 4.5;
      const text = `${number(median)}${data.flagsDrawn && flags.length > 0 ? ' ⚑' : ''}`;
      return {
        type: 'group',
        emphasisDisabled: true,
        children: [
          ...(data.y.log || rows.dots
            ? []
            : [
                {
                  type: 'rect' as const,
                  shape: {
                    x: at(scale.min),
                    y: y - step * 0.28,
                    width: at(median) - at(scale.min),
                    height: step * 0.56,
                  },
                  style: { fill: stroke, opacity: 0.28 },
                },
              ]),
          ...(at(max) - at(min) > 1 ? [whisker(at(min), y, at(max), y, stroke)] : []),
          {
            type: 'path' as const,
            shape: { pathData: MARKS[one.mark] },
            x: at(median),
            y,
            scaleX: r,
            scaleY: r,
            style: { fill, stroke, lineWidth: 1.5, strokeNoScale: true },
          },
          ...(rows.dots
            ? []
            : [
                {
                  type: 'text' as const,
                  style: {
                    text,
                    x: Math.max(at(max), at(median) + r) + 6,
                    y,
                    fill: 'var(--ink)',
                    font: '12px system-ui, sans-serif',
                    verticalAlign: 'middle' as const,
                  },
                },
              ]),
        ],
      };
    };
    return [
      {
        name,
        type: 'custom',
        z: one.filled ? 4 : 3,
        clip: false,
        data: all.map(({ x, median }) => [median, rows.place(index, x).label]),
        encode: { x: 0, y: 1 },
        renderItem: render,
      },
    ];
  });
  const label = bySeries(panel) ? '' : data.x.label;
  const front = base(data, width);
  // The numbers beside the bars want room, unless all bars are short.
  const fitting = points([panel]).every(({ max }) => max < scale.max * (data.y.log ? 0.4 : 0.8));
  return {
    ...front,
    grid: { ...front.grid, right: rows.dots || fitting ? 16 : 64 },
    xAxis: valueAxis(data, scale, data.y.log, withUnit('', data.y.unit).trim()),
    yAxis: {
      ...categoryAxis(rows.labels, '', labelWidth(rows.labels, width)),
      inverse: true,
      splitLine: { show: true, lineStyle: { color: 'var(--line)', opacity: rows.dots || rows.perLabel > 1 ? 1 : 0 } },
      ...(label === ''
        ? {}
        : { name: label, nameLocation: 'start', nameGap: 8, nameTextStyle: { ...SOFT, align: 'right' } }),
    },
    series: drawn,
  };
}

/** @param shown the names of the series that are not switched off */
export function option(data: ChartData, panel: Panel, shown: ReadonlySet<string>, width: number): Option {
  return data.kind === 'bar' ? bars(data, panel, shown, width) : lines(data, panel, shown, width);
}
