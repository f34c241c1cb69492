import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chartData, rowsOf } from '../../benchmarks/report/chart.js';
import { renderReport } from '../../benchmarks/report/html.js';
import { renderChart } from '../../benchmarks/report/svg.js';
import type { BenchResult, WorkloadResult } from '../../benchmarks/workload.js';
import { madeUpResult } from './support/result.js';

const executablePath = '/usr/bin/chromium';
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const HOSTILE = `</script><img src=x onerror="fetch('http://127.0.0.1:9/')"><b>'&"`;

/** What a run that was interrupted in its first round leaves. */
function interrupted(): BenchResult {
  const [first] = madeUpResult().workloads;
  const begun = { ...(first as WorkloadResult), rounds: 5, rows: [], targets: [], claims: [] };
  return madeUpResult({ interrupted: true, workloads: [begun], rivals: {}, missing: {} });
}

/** Fewer rows than a whole run has, but every kind of chart. */
function small(): BenchResult {
  const { workloads, ...whole } = madeUpResult();
  const few = workloads.map((workload) => ({
    ...workload,
    rows: workload.rows.filter(({ params: { n = 10, bytes = 64, idle = 0 } }) =>
      workload.name === 'idle' ? true : Number(n) < 1000 && bytes === 64 && idle === 0,
    ),
  }));
  return { ...whole, workloads: few };
}

/** Text of others wherever a result has any. */
function hostile(): BenchResult {
  const whole = madeUpResult();
  const workloads = whole.workloads.slice(0, 3).map((workload) => ({
    ...workload,
    title: HOSTILE,
    question: HOSTILE,
    notes: [HOSTILE],
    missing: { [HOSTILE]: HOSTILE },
    failures: [{ contestant: HOSTILE, params: { [HOSTILE]: HOSTILE }, message: HOSTILE }],
    charts: workload.charts.map((chart) => ({ ...chart, name: `${HOSTILE}${chart.name}`, title: HOSTILE })),
    params: workload.params.map((param) => ({ ...param, label: HOSTILE })),
    metrics: workload.metrics.map((metric) => ({ ...metric, label: HOSTILE, unit: HOSTILE })),
    targets: [{ text: HOSTILE, value: 1, met: true }],
    claims: [{ source: HOSTILE, text: HOSTILE, measured: HOSTILE, verdict: 'holds' as const }],
    rows: workload.rows.map((row) => ({ ...row, contestant: `${HOSTILE}${row.contestant}` })),
  }));
  return { ...whole, workloads, rivals: { [HOSTILE]: HOSTILE }, machine: { ...whole.machine, cpu: HOSTILE } };
}

describe('what a chart shows', () => {
  const { workloads } = madeUpResult();

  test.each(workloads.flatMap((workload) => workload.charts.map((chart) => ({ workload, chart }))))(
    '$workload.name, $chart.name: each row once, with its median and its spread',
    ({ workload, chart }) => {
      const data = chartData(workload, chart, new Map());
      const points = data?.panels.flatMap(({ series }) => series.flatMap((one) => one.points)) ?? [];
      const rows = rowsOf(workload, chart);
      const expected =
        chart.kind === 'distribution'
          ? rows.flatMap(({ quantiles = [] }) => quantiles.map(([, value]) => value))
          : rows.map(({ metrics }) => metrics[chart.y]?.median);
      expect(rows.length).toBeGreaterThan(0);
      expect(points.map(({ median }) => median).sort()).toEqual(expected.sort());
      expect(points.every(({ min, median, max }) => min <= median && median <= max)).toBe(true);
    },
  );

  test('a row that differs in a parameter beside the axis is a line of its own', () => {
    const echo = workloads.find(({ name }) => name === 'echo') as WorkloadResult;
    const chart = {
      name: 'all',
      title: 'all',
      kind: 'line',
      x: 'connections',
      y: 'rate',
      where: { bytes: 64 },
    } as const;
    const names = Object.keys(chartData(echo, chart, new Map())?.looks ?? {});
    expect(names).toContain('node:net, load: closed loop, idle connections: 1,000');
    expect(new Set(names).size).toBe(names.length);
  });
});

test('the picture for the README has the chart, its machine, and colours for light and dark', () => {
  const svg = renderChart(madeUpResult());
  expect(svg).toMatch(/^<svg /);
  expect(svg).toContain('AMD EPYC 7B13, 2 CPUs, Linux 6.18.5');
  expect(svg).toContain('@media(prefers-color-scheme:dark)');
  expect(svg).not.toMatch(/var\(|href="http|<script/);
  expect(renderChart(hostile())).not.toContain('<img');
  expect(renderChart(interrupted())).toContain('Nothing was measured');
});

describe.skipIf(!existsSync(executablePath))('in Chromium', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-report-'));
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  interface Opened {
    page: Page;
    /** What the console says, what fails, and what is asked of anyone. */
    complaints: string[];
  }

  let files = 0;
  async function open(result: BenchResult, options: BrowserContextOptions = {}): Promise<Opened> {
    const file = join(folder, `${files++}.html`);
    writeFileSync(file, renderReport(result));
    const url = pathToFileURL(file).href;
    const page = await (await browser.newContext(options)).newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (request.url() !== url && !request.url().startsWith('data:')) complaints.push(`asks for ${request.url()}`);
    });
    await page.goto(url);
    await page.waitForSelector('html[data-ready]');
    return { page, complaints };
  }

  /** By chart: how many marks there are in each colour. */
  const MARKS = `Object.fromEntries([...document.querySelectorAll('figure')].map((figure) => [
    figure.id,
    [...figure.querySelectorAll('.panel path[stroke^="var(--series-"]')]
      .filter((path) => path.getAttribute('fill') !== 'none' && path.getBoundingClientRect().width > 0).length,
  ]))`;

  test('every chart has drawn a mark for each of its rows, and nothing is said or asked for', async () => {
    const result = madeUpResult();
    const { page, complaints } = await open(result);
    const expected = result.workloads.flatMap((workload) =>
      workload.charts.map((chart) => {
        const rows = rowsOf(workload, chart);
        const each = chart.kind === 'distribution' ? (rows[0]?.quantiles?.length ?? 0) : 1;
        return [`${workload.name}-${chart.name}`, rows.length * each] as const;
      }),
    );
    expect(await page.evaluate(MARKS)).toEqual(Object.fromEntries(expected));
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('a switched-off contestant leaves its chart, and comes back', async () => {
    const { page } = await open(small());
    const marks = async () => ((await page.evaluate(MARKS)) as Record<string, number>)['idle-idle'];
    const before = await marks();
    const button = page.locator('#idle-idle .legend button', { hasText: 'fdmux select' });
    await button.press('Enter');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    expect(await marks()).toBe(Number(before) - 6);
    await button.press(' ');
    expect(await marks()).toBe(before);
    await page.context().close();
  });

  test('values are told under the mouse, and under the arrow keys aloud', async () => {
    const { page, complaints } = await open(madeUpResult());
    const panel = page.locator('#scaling-scaling .panel').first();
    await panel.hover();
    await page.locator('#scaling-scaling .tip').first().waitFor();
    const tip = (await page.locator('#scaling-scaling .tip').first().textContent()) ?? '';
    expect(tip).toContain('descriptors watched: 300');
    expect(tip).toContain('fdmux epoll level');
    await panel.focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('#live').textContent()).toMatch(/^descriptors watched: 10: .*fdmux select [\d.]+ µs/);
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('#live').textContent()).toMatch(/^descriptors watched: 30: /);
    await page.locator('#calls-calls .panel').focus();
    await page.keyboard.press('ArrowLeft');
    expect(await page.locator('#live').textContent()).toMatch(/^call: send: fdmux [\d,.]+ ns; C /);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('behind each chart is a table with its figures', async () => {
    const { page } = await open(small());
    const figures = page.locator('figure');
    for (let i = 0; i < (await figures.count()); i++) {
      const details = figures.nth(i).locator('details');
      await details.locator('summary').click();
      expect(await details.locator('table caption').textContent()).toContain(
        await figures.nth(i).locator('h3').textContent(),
      );
      expect(await details.locator('tbody td').count()).toBeGreaterThan(2);
      expect(await details.locator('th:not([scope])').count()).toBe(0);
    }
    const cell = page.locator('#cores-rate tbody td').first();
    const [row] = small().workloads.find(({ name }) => name === 'cores')?.rows ?? [];
    expect(await cell.textContent()).toContain(Math.round(row?.metrics.rate?.median ?? 0).toLocaleString('en-US'));
    await page.context().close();
  });

  test('a target has its rounds beside it, and a mark where they do not agree', async () => {
    const { page } = await open(small());
    const cells = (name: string) => page.locator('#targets tr', { hasText: name }).locator('td').allTextContents();
    expect(await cells('epoll_wait: at most')).toEqual(['1.12', '1.10 to 1.14', '✓ met']);
    expect(await cells('read: at most')).toEqual(['1.29', '1.21 to 1.33', '✗ missed ≈']);
    await page.context().close();
  });

  const LIGHT = ['rgb(251, 250, 247)', 'rgb(194, 80, 10)'];
  const DARK = ['rgb(22, 24, 29)', 'rgb(255, 145, 82)'];

  test.each([
    { colorScheme: 'light', own: LIGHT, key: 'Dark', other: DARK },
    { colorScheme: 'dark', own: DARK, key: 'Light', other: LIGHT },
  ] as const)('colours follow the system ($colorScheme), and the choice of the reader by keyboard', async (theme) => {
    const { page, complaints } = await open(small(), { colorScheme: theme.colorScheme });
    const line = `getComputedStyle(document.querySelector('#idle-idle path[stroke="var(--series-2)"]')).stroke`;
    const colours = () => page.evaluate(`[getComputedStyle(document.body).backgroundColor, ${line}]`);
    expect(await colours()).toEqual(theme.own);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the content');
    await page.keyboard.press('Tab');
    const chosen = page.getByRole('radio', { name: theme.key });
    for (let i = 0; i < 2 && !(await chosen.isChecked()); i++) await page.keyboard.press('ArrowRight');
    expect(await colours()).toEqual(theme.other);
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    expect(await chosen.isChecked()).toBe(true);
    expect(await colours()).toEqual(theme.other);
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate(line)).toBe(LIGHT[1]);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('on a phone nothing is wider than the screen, and the charts fit', async () => {
    const { page, complaints } = await open(madeUpResult(), { viewport: { width: 390, height: 844 } });
    await page.evaluate(`for (const details of document.querySelectorAll('details')) details.open = true`);
    const widths = `({
      page: document.documentElement.scrollWidth,
      charts: [...document.querySelectorAll('.panel svg')].map((svg) => svg.getBoundingClientRect().right).filter((right) => right > 390 || right < 300),
    })`;
    expect(await page.evaluate(widths)).toEqual({ page: 390, charts: [] });
    await page.setViewportSize({ width: 800, height: 600 });
    // A function: the page's Content-Security-Policy lets no text be looked at a second time.
    await page.waitForFunction(
      `() => document.querySelector('#idle-idle .panel svg').getBoundingClientRect().width > 600`,
    );
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('on paper no chart is wider than the page', async () => {
    const { page } = await open(small());
    await page.evaluate(`window.dispatchEvent(new Event('beforeprint'))`);
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 680, height: 960 });
    const looks = `({
      wide: document.documentElement.scrollWidth > innerWidth,
      high: [...document.querySelectorAll('.panel')].every((panel) => panel.getBoundingClientRect().height > 100),
      closed: [...document.querySelectorAll('details')].every((details) => details.getBoundingClientRect().height === 0),
    })`;
    expect(await page.evaluate(looks)).toEqual({ wide: false, high: true, closed: true });
    await page.context().close();
  });

  test.each(['light', 'dark'] as const)(
    'nothing stands in the way of a screen reader or the keyboard (%s)',
    async (colorScheme) => {
      const { page } = await open(small(), { colorScheme, bypassCSP: true });
      await page.evaluate(`for (const details of document.querySelectorAll('details')) details.open = true`);
      await page.addScriptTag({ path: axe });
      const violations = `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 200) + failureSummary).join(' | ')))`;
      expect(await page.evaluate(violations)).toEqual([]);
      await page.context().close();
    },
  );

  test('text of others stays text', async () => {
    const { page, complaints } = await open(hostile());
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('main h2').nth(1).textContent()).toBe(HOSTILE);
    const first = page.locator('figure .panel').first();
    await first.hover();
    await page.locator('.tip').first().waitFor();
    expect(await page.locator('.tip b').count()).toBe(0);
    expect(await page.locator('.legend button').first().textContent()).toContain(HOSTILE);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('what was interrupted says so, and what was not measured is not missed', async () => {
    const { page, complaints } = await open(interrupted());
    expect(await page.locator('.alarm').first().textContent()).toContain('Interrupted');
    expect(await page.locator('main').textContent()).toContain('Nothing has been measured.');
    expect(await page.locator('figure').count()).toBe(0);
    const empty = await open(madeUpResult({ interrupted: true, workloads: [] }));
    expect(await empty.page.locator('main h2').count()).toBeGreaterThan(1);
    expect([...complaints, ...empty.complaints]).toEqual([]);
    await page.context().close();
    await empty.page.context().close();
  });

  test('without scripts there are the tables', async () => {
    const file = join(folder, 'plain.html');
    writeFileSync(file, renderReport(madeUpResult()));
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(pathToFileURL(file).href);
    expect(await page.locator('noscript').textContent()).toContain('tables');
    expect(await page.locator('figure table').count()).toBe(await page.locator('figure').count());
    await page.context().close();
  });
});
