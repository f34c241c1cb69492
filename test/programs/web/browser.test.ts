import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Server, scratch } from './server.js';

const executablePath = '/usr/bin/chromium';

// Nothing but the page is to be asked for, and nobody but the server to be asked.
const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(!existsSync(executablePath))('in Chromium', () => {
  const empty = scratch();
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    server = await Server.start([], 0, empty.folder);
    browser = await chromium.launch({ executablePath, args });
  });
  afterAll(async () => {
    await browser?.close();
    expect(await server.stop()).toBe(0);
    empty[Symbol.dispose]();
  });

  test.each(['light', 'dark'] as const)(
    'the page of the package loads with all its parts (%s)',
    async (colorScheme) => {
      const context = await browser.newContext({ colorScheme });
      const page = await context.newPage();
      const complaints: string[] = [];
      const statuses = new Map<string, number[]>();
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('requestfailed', (request) =>
        complaints.push(`${request.method()} ${request.url()}: ${request.failure()?.errorText}`),
      );
      page.on('response', (response) => {
        const { pathname } = new URL(response.url());
        statuses.set(pathname, [...(statuses.get(pathname) ?? []), response.status()]);
      });
      await page.goto(`${server.url}/`);
      await page.waitForSelector('html[data-ready]');

      expect(complaints).toEqual([]);
      for (const path of ['/', '/style.css', '/script.js']) expect(statuses.get(path)).toEqual([200]);
      expect(statuses.get('/loop.svg')?.sort()).toEqual([200, 200, 200, 206, 304]);
      expect(await page.locator('#answers tr').count()).toBe(4);
      const looks = await page.evaluate(`({
      picture: document.querySelector('img').naturalWidth,
      background: getComputedStyle(document.body).backgroundColor,
      wide: document.documentElement.scrollWidth > innerWidth,
    })`);
      const background = colorScheme === 'light' ? 'rgb(251, 250, 247)' : 'rgb(22, 24, 29)';
      expect(looks).toEqual({ picture: 640, background, wide: false });

      // A reload ends what is still on its way: the icon comes late.
      await page.waitForLoadState('networkidle');
      await page.reload();
      await page.waitForSelector('html[data-ready]');
      expect(complaints).toEqual([]);
      await context.close();
    },
  );

  test('the page for what is not there has its style, from any depth', async () => {
    const page = await browser.newPage();
    const response = await page.goto(`${server.url}/no/such/page`);
    expect(response?.status()).toBe(404);
    const color = await page.evaluate('getComputedStyle(document.querySelector("h1")).color');
    expect(color).toBe('rgb(11, 97, 87)');
    await page.getByRole('link').click();
    await page.waitForSelector('html[data-ready]');
    expect(new URL(page.url()).pathname).toBe('/');
    await page.close();
  });
});
