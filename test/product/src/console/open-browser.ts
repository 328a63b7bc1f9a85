// Opens Debian's Chromium with a new profile, and records errors and foreign requests.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface WatchedPage {
  readonly page: Page;
  /** Errors in the browser's console, and requests to other hosts. */
  readonly offences: readonly string[];
}

/** `executablePath` may be a script that starts Chromium elsewhere. The caller closes the browser. */
export function openBrowser(executablePath = '/usr/bin/chromium'): Promise<Browser> {
  return chromium.launch({ executablePath, args: flags });
}

/** Opens the console at `url` as an operator. It closes with the browser. */
export async function openConsole(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const offences: string[] = [];
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => offences.push(String(error)));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) offences.push(message.text());
  });
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== url) offences.push(`requests ${request.url()}`);
  });
  await page.goto(`${url}/`);
  await page.getByText('Live', { exact: true }).waitFor();
  return { page, offences };
}
