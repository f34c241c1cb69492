import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { renderTimeline, type Trace } from '../../src/trace/timeline.js';
import { echo, long, record } from './sample.js';

const executablePath = '/usr/bin/chromium';
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

test('a timeline is of one trace or two', () => {
  expect(() => renderTimeline([])).toThrow(new RangeError('a timeline shows one trace or two, not 0'));
  const trace = echo('edge');
  expect(() => renderTimeline([trace, trace, trace])).toThrow(RangeError);
});

test('a timeline says how many calls are missing, and stands without any', () => {
  const { header } = echo('edge');
  const page = renderTimeline([{ header, calls: [], end: { dropped: 1234 } }]);
  expect(page).toContain('1,234 calls are missing');
});

describe.skipIf(!existsSync(executablePath))('in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-timeline-'));
  let browser: Browser;
  const complaints: string[] = [];
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu'] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => {
    expect(complaints.splice(0)).toEqual([]);
  });

  /** The page of some traces, drawn; whatever it complains of or asks for fails the test. */
  async function open(traces: readonly Trace[], options: BrowserContextOptions = {}): Promise<Page> {
    const file = join(folder, 'timeline.html');
    writeFileSync(file, renderTimeline(traces));
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector('html[data-ready]');
    return page;
  }
  const plot = (page: Page) => page.locator('.plot');
  const range = async (page: Page): Promise<[number, number]> => [
    Number(await plot(page).getAttribute('data-from')),
    Number(await plot(page).getAttribute('data-to')),
  ];
  const zoomed = async (page: Page, act: () => Promise<void>) => {
    const before = await range(page);
    await act();
    await expect.poll(async () => (await range(page)).join()).not.toBe(before.join());
    return { before, after: await range(page) };
  };
  const spans = ([from, to]: [number, number]): number => to - from;

  test('each descriptor has its lane, each call its mark, each wake-up its arrow', async () => {
    const trace = echo('edge');
    const page = await open([trace]);
    expect(await page.locator('.name .what').allTextContents()).toEqual([
      'epoll',
      'listener',
      'connection',
      'client 1',
    ]);
    expect(await plot(page).getAttribute('data-marks')).toBe(String(trace.calls.length));
    const counts = await page
      .locator('[data-call][data-count]')
      .evaluateAll((all) => all.map((each) => Number(each.getAttribute('data-count'))));
    const alone = await page.locator('.lanes .call').count();
    expect(alone + counts.reduce((sum, each) => sum + each, 0)).toBe(trace.calls.length);
    expect(await page.locator('.lanes .arrow').count()).toBe(4);
    expect(await page.locator('.lanes .blocked').count()).toBeGreaterThan(0);
    expect(await page.locator('.lanes .spell.readable').count()).toBeGreaterThan(1);
    await page.context().close();
  });

  test('the keyboard goes from call to call, and says each in the form of strace', async () => {
    const page = await open([echo('level')]);
    await plot(page).focus();
    await page.keyboard.press('Home');
    const tip = page.locator('.tip');
    expect(await tip.textContent()).toMatch(/^socket\(AF_INET, SOCK_STREAM.* = \d+listener .*: at .*, took .*s/);
    await page.keyboard.press('ArrowRight');
    expect(await tip.textContent()).toMatch(/^bind\(\d+, \{sa_family=AF_INET/);
    expect(await page.locator('#said').textContent()).toMatch(/^bind\(/);
    expect(await page.locator('.lanes .cursor').count()).toBe(1);
    await page.keyboard.press('ArrowLeft');
    expect(await tip.textContent()).toMatch(/^socket\(/);
    await page.keyboard.press('ArrowUp');
    expect(await tip.textContent()).toMatch(/^epoll_create1\(/);
    await page.keyboard.press('End');
    expect(await tip.textContent()).toMatch(/^close\(/);
    await page.keyboard.press('Escape');
    expect(await tip.isVisible()).toBe(false);
    await page.context().close();
  });

  test('the pointer over a call shows it, with what it was woken by and what it told', async () => {
    const page = await open([echo('edge')]);
    const told = page.locator('.lanes .call.wait').nth(1);
    await told.hover();
    const tip = page.locator('.tip');
    await tip.waitFor();
    expect(await tip.textContent()).toMatch(
      /^epoll_wait\(.*\) = 1epoll \(descriptor \d+\): .*told listener: EPOLLIN · woken by connect on connection/,
    );
    await page.mouse.move(5, 5);
    await tip.waitFor({ state: 'hidden' });
    await page.context().close();
  });

  test('buttons, keys and the wheel zoom, and 0 shows all again', async () => {
    const page = await open([echo('edge')]);
    const whole = await range(page);
    const { before, after } = await zoomed(page, () => page.getByRole('button', { name: 'Zoom in' }).click());
    expect(spans(after)).toBeLessThan(spans(before));
    await plot(page).focus();
    expect(spans((await zoomed(page, () => page.keyboard.press('+'))).after)).toBeLessThan(spans(after));
    await zoomed(page, () => page.keyboard.press('Shift+ArrowRight'));
    await zoomed(page, () => page.keyboard.press('-'));
    await zoomed(page, () => page.keyboard.press('0'));
    expect(await range(page)).toEqual(whole);
    await page.locator('.lanes').hover();
    const wheel = await zoomed(page, () => page.mouse.wheel(0, -300));
    expect(spans(wheel.after)).toBeLessThan(spans(whole));
    await zoomed(page, async () => {
      await page.mouse.down();
      await page.mouse.move(500, 300, { steps: 3 });
      await page.mouse.up();
    });
    await page.context().close();
  });

  test('long gaps are folded, and to scale on demand', async () => {
    const page = await open([echo('level')]);
    const fold = page.getByLabel('Fold long gaps');
    expect(await fold.isChecked()).toBe(true);
    expect(await page.locator('.lanes .folded').count()).toBeGreaterThan(0);
    expect(await page.locator('.axis .fold').first().textContent()).toMatch(/^[\d.]+ [mµ]s$/);
    await fold.uncheck();
    await expect.poll(() => page.locator('.lanes .folded').count()).toBe(0);
    await page.context().close();
  });

  test('calls can be chosen by name, in the drawing and in the table', async () => {
    const trace = echo('edge');
    const page = await open([trace]);
    await page.getByText('Calls: all').click();
    await page.getByRole('button', { name: 'None' }).click();
    await page.getByRole('checkbox', { name: /^recv / }).check();
    const reads = trace.calls.filter(({ name }) => name === 'recv').length;
    await expect.poll(() => plot(page).getAttribute('data-marks')).toBe(String(reads));
    await page.getByText(/^The calls of/).click();
    expect(await page.locator('.calls tbody tr').count()).toBe(reads);
    expect(await page.locator('.calls tbody tr.failed').count()).toBe(2);
    await page.locator('.calls tbody button').nth(1).click();
    expect(await page.locator('.tip').textContent()).toMatch(/^recvfrom\(/);
    await page.context().close();
  });

  test('two traces stand over one time, at their first wake-up, with what differs in numbers', async () => {
    const page = await open([echo('level'), echo('edge')]);
    expect(await page.locator('h1').textContent()).toBe('node echo.js level against edge');
    expect(await page.locator('svg.lanes').count()).toBe(2);
    expect(await page.locator('.told.again').count()).toBeGreaterThan(0);
    expect(await page.locator('svg[data-trace="1"] .told.again').count()).toBe(0);
    const first = await page
      .locator('svg.lanes')
      .evaluateAll((all) => all.map((svg) => svg.querySelector('.told')?.getBoundingClientRect().left ?? 0));
    expect(Math.abs((first[0] as number) - (first[1] as number))).toBeLessThan(0.5);
    const row = page.locator('.summary tr', { hasText: 'of these told again' });
    expect(await row.getAttribute('class')).toBe('differs');
    expect(await row.locator('td').nth(1).textContent()).toBe('0');
    await page.getByLabel('Aligned at').selectOption('start');
    await expect.poll(async () => (await range(page))[0] > -1e6).toBe(true);
    await plot(page).focus();
    await page.keyboard.press('Home');
    // Down from the last lane of the first trace is the first lane of the second.
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowDown');
    expect(await page.locator('svg[data-trace="1"] .cursor').count()).toBe(1);
    await page.context().close();
  });

  test('no text of a trace becomes markup', async () => {
    const hostile = '</script><img src=x onerror="console.log(1)"><!-- $1 &amp; \u2028';
    const trace = record(['node', hostile], (sys) => {
      const fd = sys.socket(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0);
      sys.bind(fd, { family: 'unix', path: `\0${hostile}` });
      sys.listen(fd, 1);
      sys.send(fd, Buffer.from(hostile));
      sys.close(fd);
    });
    const page = await open([trace, trace]);
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('h1').textContent()).toContain(hostile.slice(0, 40));
    await plot(page).focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
    expect(await page.locator('.tip').textContent()).toContain('</script><img src=x onerror=');
    await page
      .getByText(/^The calls of/)
      .first()
      .click();
    expect(await page.locator('img').count()).toBe(0);
    await page.context().close();
  });

  test('100,000 calls open, are drawn a few at a time, and turned over in the table', { timeout: 90_000 }, async () => {
    const page = await open([long(100_000)]);
    expect(Number(await plot(page).getAttribute('data-marks'))).toBeGreaterThanOrEqual(100_000);
    const drawn = await page.locator('.lanes *').count();
    expect(drawn).toBeLessThan(60_000);
    await plot(page).focus();
    for (let i = 0; i < 12; i++) await page.keyboard.press('+');
    await expect.poll(async () => Number(await plot(page).getAttribute('data-marks'))).toBeLessThan(1000);
    await page.getByText(/^The calls of/).click();
    expect(await page.locator('.calls tbody tr').count()).toBe(100);
    await page.getByRole('button', { name: 'Last' }).click();
    expect(await page.locator('.calls caption').textContent()).toMatch(/ of 100,00\d$/);
    await page.context().close();
  });

  test.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['a phone', { viewport: { width: 360, height: 740 } }],
  ] as const)('is for everyone: %s', async (_, options) => {
    const page = await open([echo('level'), echo('edge')], options);
    const wide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect(wide).toBe(false);
    await page
      .getByText(/^The calls of/)
      .first()
      .click();
    await page.evaluate(axe);
    const violations = await page.evaluate<string[][]>(
      'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))',
    );
    expect(violations).toEqual([]);
    await page.context().close();
  });

  test('on paper it has the lanes and no controls', async () => {
    const page = await open([echo('edge')]);
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('.controls').isVisible()).toBe(false);
    expect(await page.locator('svg.lanes').isVisible()).toBe(true);
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    await page.context().close();
  });

  test('without scripts it has the calls in a table', async () => {
    const trace = echo('edge');
    const file = join(folder, 'plain.html');
    writeFileSync(file, renderTimeline([trace]));
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    await page.getByText(/^The calls of/).click();
    expect(await page.locator('.calls tbody tr').count()).toBe(trace.calls.length);
    expect(await page.locator('.controls').isVisible()).toBe(false);
    await context.close();
  });
});
