/**
 * The rows of a workload as tables, whatever its parameters and metrics are. Three ways to lay them out: cases down and
 * contestants across, where there is one metric, and there are few contestants or the cases have names; contestants down and the values of one
 * parameter across, a table for each metric; contestants down and metrics across, a table for each case. Whichever
 * makes the fewest tables is taken.
 */
import { table, wrapped } from '../measure/table.js';
import type { Metric, Params, Row, WorkloadResult } from '../workload.js';
import { baselinesOf, caseText, figureText, flagMarks, grouped, ratioText, sameParams, valueText } from './figures.js';

/** Rows that fit into one table: with the same parameters, and metrics in common. */
interface Block {
  readonly rows: readonly Row[];
  readonly params: readonly string[];
  readonly metrics: readonly Metric[];
  readonly contestants: readonly string[];
  readonly cases: readonly Params[];
}

interface Grid {
  readonly title: string;
  readonly head: readonly string[];
  readonly lines: readonly (readonly string[])[];
}

/** Heads the ratios to the baseline that each contestant has for itself. */
const TWIN = '/ its twin';
const FEW_CONTESTANTS = 4;

function unique<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}

function blocksOf({ rows, metrics }: WorkloadResult): Block[] {
  const kinds: Row[][] = [];
  for (const row of rows) {
    const params = Object.keys(row.params).join();
    const kind = kinds.find((known) =>
      known.some((other) => params === Object.keys(other.params).join() && overlap(row, other)),
    );
    if (kind) kind.push(row);
    else kinds.push([row]);
  }
  return kinds.map((rows) => {
    const cases: Params[] = [];
    for (const { params } of rows) if (!cases.some((known) => sameParams(known, params))) cases.push(params);
    return {
      rows,
      params: Object.keys((rows[0] as Row).params),
      metrics: present(metrics, rows),
      contestants: unique(rows.map(({ contestant }) => contestant)),
      cases,
    };
  });
}

function overlap(a: Row, b: Row): boolean {
  return Object.keys(a.metrics).some((name) => name in b.metrics);
}

/** The metrics that at least one of the rows has. */
function present(metrics: readonly Metric[], rows: readonly Row[]): Metric[] {
  return metrics.filter(({ name }) => rows.some((row) => name in row.metrics));
}

function heading({ label, unit }: Metric): string {
  // `messages, messages/s` says nothing more than its unit.
  return unit === '' ? label : unit.startsWith(label) ? unit : `${label}, ${unit}`;
}

/** The parameter whose values go across: the one that a chart has along its axis, or the one that has most. */
function across({ charts }: WorkloadResult, { params, cases, metrics }: Block): string | undefined {
  const chart = charts.find(({ kind, x, y }) => {
    return kind === 'line' && params.includes(x) && metrics.some(({ name }) => name === y);
  });
  if (chart) return chart.x;
  const counts = params.map((name) => [name, unique(cases.map((params) => params[name])).length] as const);
  return counts.sort(([, a], [, b]) => b - a)[0]?.[0];
}

function find({ rows }: Block, contestant: string, params: Params): Row | undefined {
  return rows.find((row) => row.contestant === contestant && sameParams(row.params, params));
}

/** Cases down, contestants and their ratios across. */
function casesDown(result: WorkloadResult, block: Block, metric: Metric): Grid[] {
  const { contestants, cases, params } = block;
  const pairs = contestants.flatMap((contestant) =>
    result.baselines.includes(contestant)
      ? []
      : baselinesOf(result, contestant)
          .filter((baseline) => contestants.includes(baseline))
          .map((baseline) => [contestant, baseline] as const),
  );
  const head = [params.join(', '), ...contestants, ...pairs.map(([one, other]) => `${one} / ${other}`)];
  const lines = cases.map((params) => {
    const cells = contestants.map((contestant) => {
      const row = find(block, contestant, params);
      return row ? `${figureText(row.metrics[metric.name])}${flagMarks(row)}` : '–';
    });
    const ratios = pairs.map(([one, other]) => ratioText(find(block, one, params)?.ratios[other]?.[metric.name]));
    return [Object.values(params).map(valueText).join(', '), ...cells, ...ratios];
  });
  return [{ title: heading(metric), head, lines }];
}

/** Contestants down, the values of `x` across, for one metric. */
function valuesAcross(result: WorkloadResult, block: Block, metric: Metric, x: string): Grid[] {
  const { contestants, cases } = block;
  const rest = (params: Params): Params => Object.fromEntries(Object.entries(params).filter(([name]) => name !== x));
  const facets = grouped(cases, (params) => JSON.stringify(rest(params)));
  return facets.flatMap((facet) => {
    const fixed = caseText(rest(facet[0] as Params));
    const title = [heading(metric), fixed].filter(Boolean).join('; ');
    const head = [x, ...facet.map((params) => valueText(params[x]))];
    const here = contestants.filter((contestant) => facet.some((params) => find(block, contestant, params)));
    const figures = here.map((contestant) => [
      contestant,
      ...facet.map((params) => {
        const row = find(block, contestant, params);
        return row ? `${figureText(row.metrics[metric.name])}${flagMarks(row)}` : '–';
      }),
    ]);
    const ratios = here.flatMap((contestant) =>
      baselinesOf(result, contestant).flatMap((baseline) => {
        const spreads = facet.map((params) => find(block, contestant, params)?.ratios[baseline]?.[metric.name]);
        return spreads.some(Boolean) ? [[`${contestant} / ${baseline}`, ...spreads.map(ratioText)]] : [];
      }),
    );
    return [
      { title, head, lines: figures },
      ...(ratios.length > 0 ? [{ title: '', head: ['ratio in the same round', ...head.slice(1)], lines: ratios }] : []),
    ];
  });
}

/** Contestants down, metrics across, for one case. */
function metricsAcross(result: WorkloadResult, block: Block, params: Params): Grid {
  const here = block.contestants.filter((contestant) => find(block, contestant, params));
  const metrics = present(
    block.metrics,
    here.map((contestant) => find(block, contestant, params) as Row),
  );
  const first = metrics[0] as Metric;
  const compared = (one: string, baseline: string | undefined): boolean =>
    baseline !== undefined && find(block, one, params)?.ratios[baseline]?.[first.name] !== undefined;
  const common = unique(here.flatMap((contestant) => baselinesOf(result, contestant))).filter(
    (name) => !Object.values(result.twins ?? {}).includes(name) && here.some((one) => compared(one, name)),
  );
  const twins = here.some((one) => compared(one, result.twins?.[one]));
  const head = [
    '',
    ...metrics.flatMap((metric, i) => [
      heading(metric),
      ...(i > 0 ? [] : [...(twins ? [TWIN] : []), ...common.map((name) => `/ ${name}`)]),
    ]),
  ];
  const lines = here.map((contestant) => {
    const { metrics: figures, ratios, ...row } = find(block, contestant, params) as Row;
    const twin = result.twins?.[contestant];
    const beside = [...(twins ? [twin] : []), ...common].map((name) =>
      ratioText(name === undefined ? undefined : ratios[name]?.[first.name]),
    );
    const marks = flagMarks({ ...row, metrics: figures, ratios });
    return [
      `${contestant}${marks && ` ${marks}`}`,
      ...metrics.flatMap(({ name }, i) => [figureText(figures[name]), ...(i > 0 ? [] : beside)]),
    ];
  });
  return { title: caseText(params), head, lines };
}

/** Narrower, a heading is hard to read. */
const MIN_WIDTH = 13;

/** Breaks a heading that is wider than what stands below it. */
function broken(text: string, cells: readonly string[]): string[] {
  return wrapped(text, Math.max(MIN_WIDTH, ...cells.map((cell) => cell.length))).split('\n');
}

/** In pieces that are no wider than `columns`; the first column heads each of them. */
function pieces({ title, head, lines }: Grid, columns: number): string[] {
  const heads = head.map((text, column) =>
    column === 0
      ? [text]
      : broken(
          text,
          lines.map((line) => line[column] ?? ''),
        ),
  );
  const width = (column: number): number =>
    Math.max(...[...(heads[column] ?? []), ...lines.map((line) => line[column] ?? '')].map((cell) => cell.length));
  const groups: number[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (let column = 1; column < head.length; column++) {
    const needed = width(column) + 2;
    if (used + needed > columns) {
      groups.push([]);
      used = width(0);
    }
    groups.at(-1)?.push(column);
    used += needed;
  }
  const text = groups.map((group) => {
    const shown = [0, ...group];
    const height = Math.max(...shown.map((column) => heads[column]?.length ?? 0));
    // Bottom lines stand side by side.
    const [first = [], ...rest] = Array.from({ length: height }, (_, at) =>
      shown.map((column) => heads[column]?.at(at - height) ?? ''),
    );
    return table(first, [...rest, ...lines.map((line) => shown.map((column) => line[column] ?? ''))]);
  });
  return [...(title === '' ? [] : [title]), ...text];
}

function layOut(result: WorkloadResult, block: Block, columns: number): Grid[] {
  const { metrics, cases, contestants } = block;
  const x = across(result, block);
  const named = x !== undefined && typeof cases[0]?.[x] === 'string';
  if (metrics.length === 1 && (contestants.length <= FEW_CONTESTANTS || named)) {
    const [grid] = casesDown(result, block, metrics[0] as Metric);
    // A title, the figures, and at the most the ratios by themselves.
    if (grid && pieces(grid, columns).length <= 3) return [grid];
  }
  const values = x === undefined ? 1 : unique(cases.map((params) => params[x])).length;
  if (x !== undefined && (metrics.length * cases.length) / values < cases.length) {
    return metrics.flatMap((metric) => valuesAcross(result, block, metric, x));
  }
  return cases.map((params) => metricsAcross(result, block, params));
}

/** @param columns how wide they may be, in characters */
export function tables(result: WorkloadResult, columns: number): string[] {
  return blocksOf(result).flatMap((block) =>
    layOut(result, block, columns).map((grid) => pieces(grid, columns).join('\n')),
  );
}
