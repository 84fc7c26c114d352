/**
 * status-page - the status page in a real browser: Debian's Chromium without a window
 *
 * What the browser's console says, the policy's violations included, is a failure.
 */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { Daemon, killAll } from '../support/daemon.js';
import { httpPort } from '../support/http.js';
import { mustRun, until } from '../support/processes.js';
import { SUCCESS, UdpClient } from '../support/rpc-client.js';

const DESK = { viewport: { width: 1200, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 } };

let browser: Browser;
let daemon: Daemon;
let port: number;
/** What the browser complained of. */
let complaints: string[] = [];

beforeAll(async () => {
  const executablePath = (await mustRun(['which', 'chromium'])).trim();
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  daemon = await Daemon.start({ http: '127.0.0.1:0', grants: 'max = 3' });
  port = await httpPort(daemon);
});
afterAll(async () => {
  await browser.close();
  await killAll();
});
beforeEach(() => {
  complaints = [];
});

async function open(options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(`http://127.0.0.1:${port}/`)) complaints.push(`asked ${request.url()}`);
  });
  await page.goto(`http://127.0.0.1:${port}/`);
  return page;
}

const text = async (page: Page, selector: string): Promise<string> =>
  (await page.textContent(selector)) ?? '';
const grants = (page: Page): Promise<string> => text(page, '#numbers .tile:first-child .value');

async function add(client: string, status = SUCCESS): Promise<void> {
  const udp = await UdpClient.open(daemon.port);
  expect(await udp.add(client)).toBe(status);
  udp.close();
}

test('it says that all works, draws its charts, and follows by itself', async () => {
  const page = await open(DESK);
  expect(await text(page, '#status .state')).toBe('Working');
  await page.waitForSelector('#charts canvas');
  expect(await page.locator('#charts canvas').count()).toBe(4);
  expect(await grants(page)).toBe('0');
  await add('203.0.113.1');
  await until('the grant on the page', 10_000, async () => (await grants(page)) === '1');
  expect(await text(page, '#reporters')).toContain('local');
  expect(await text(page, '#live')).toBe('live');
  expect(await page.content()).not.toContain('203.0.113.1');
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('what a reader has marked stays marked while numbers change', async () => {
  const page = await open(DESK);
  await page.waitForSelector('#charts canvas');
  await page.evaluate('getSelection().selectAllChildren(document.querySelector("#maps .path"))');
  const before = await text(page, '#status .since');
  await until(
    'a change',
    10_000,
    async () => (await text(page, '#status .since')) !== before || (await grants(page)) !== '1',
  );
  expect(await page.evaluate('String(getSelection())')).toBe(daemon.mapPath);
  await page.context().close();
});

test('without scripts: the same numbers', async () => {
  const page = await open({ ...DESK, javaScriptEnabled: false });
  expect(await text(page, '#status .state')).toBe('Working');
  expect(await grants(page)).toBe('1');
  expect(await text(page, '#maps')).toContain(daemon.mapPath);
  expect(await page.locator('#charts').isVisible()).toBe(false);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('on a phone nothing is wider than the screen', async () => {
  const page = await open(PHONE);
  await page.waitForSelector('#charts canvas');
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.viewport.width);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('dark for whoever wants it dark, and the charts with it', async () => {
  const ground = 'getComputedStyle(document.body).backgroundColor';
  const picture = 'document.querySelector("#charts canvas").toDataURL()';
  const page = await open({ ...DESK, colorScheme: 'dark' });
  await page.waitForSelector('#charts canvas');
  const dark = await page.evaluate(ground);
  const drawn = await page.evaluate(picture);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await page.evaluate(ground)).not.toBe(dark);
  await until('charts in other colours', 10_000, async () => (await page.evaluate(picture)) !== drawn);
  expect(complaints).toEqual([]);
  await page.context().close();
});

test('the policy holds: a script that stands in the page is not run', async () => {
  const page = await open(DESK);
  await page.evaluate(
    `{ const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s); }`,
  );
  expect(await page.evaluate('window.ran')).toBeUndefined();
  expect(complaints.join('\n')).toMatch(/Content Security Policy/);
  await page.context().close();
});

test('what is degraded stands at the top with its cure; and it says so when the daemon is gone', async () => {
  const page = await open(DESK);
  await page.waitForSelector('#charts canvas');
  for (const client of ['203.0.113.2', '203.0.113.3']) await add(client);
  await add('203.0.113.4', 2);
  await until('degraded', 10_000, async () => (await text(page, '#status .state')) === 'Degraded');
  expect(await text(page, '#status')).toContain('Cure: raise grants.max');
  expect(await page.title()).toMatch(/^Degraded: dracd on /);
  expect(await text(page, '#refusals')).toContain('ledger full');
  await daemon.stop();
  await until('it says so', 10_000, async () => (await text(page, '#live')).startsWith('not live'));
  await page.context().close();
});
