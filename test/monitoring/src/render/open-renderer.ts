// Draws dashboards as pictures: Grafana's components in a headless browser, with data of a Prometheus.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureDebianPackages } from '@cistern/test-servers';
import type { Answers, DrawnDashboard } from './answer-dashboard.ts';
import { installGrafana, requireFrom } from './install-grafana.ts';

export interface Renderer {
  /** Resolves to a picture in PNG. Rejects if the page has an error. */
  render(dashboard: DrawnDashboard, answers: Answers): Promise<Uint8Array>;
  /** Resolves to a picture in PNG of the console at `url`, once it is connected. Rejects if the page has an error. */
  photograph(url: string, account: Account): Promise<Uint8Array>;
  close(): Promise<void>;
}

interface Account {
  readonly username: string;
  readonly password: string;
}

/** The parts of puppeteer that are used. */
interface Tab {
  on(event: 'pageerror', listener: (error: Error) => void): void;
  authenticate(account: Account): Promise<void>;
  setViewport(size: object): Promise<void>;
  goto(url: string, options: object): Promise<unknown>;
  waitForFunction(expression: string, options: object): Promise<unknown>;
  screenshot(options: object): Promise<Uint8Array>;
  close(): Promise<void>;
}
interface Puppeteer {
  launch(options: object): Promise<{ newPage(): Promise<Tab>; close(): Promise<void> }>;
}

const style =
  '*{box-sizing:border-box}body{margin:0;background:#111217}button{background:none;border:0;color:inherit;font:inherit;padding:0}ul{margin:0;padding:0;list-style:none}';

const json = (value: object) => JSON.stringify(value).replaceAll('<', String.raw`\u003c`);

/** Installs missing packages, which takes a minute for the first time. The caller closes the renderer. */
export async function openRenderer(): Promise<Renderer> {
  await ensureDebianPackages(['chromium', 'fonts-inter', 'pngquant']);
  const folder = await installGrafana();
  const browser = await (requireFrom(folder, 'puppeteer-core') as Puppeteer).launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--allow-file-access-from-files'],
  });
  /** Shows a page, and takes the picture when `isReady`, an expression in the page, is true. */
  async function show(url: string, isReady: string, { account, ...size }: View): Promise<Uint8Array> {
    const tab = await browser.newPage();
    const errors: string[] = [];
    tab.on('pageerror', (error) => void errors.push(error.message));
    try {
      await tab.setViewport(size);
      if (account !== undefined) await tab.authenticate(account);
      await tab.goto(url, { waitUntil: 'load' });
      if (errors.length === 0) await tab.waitForFunction(isReady, { timeout: 90_000 });
      if (errors.length > 0) throw new Error(`${url}: ${errors.join('; ')}`);
      return await tab.screenshot({ fullPage: account === undefined });
    } finally {
      await tab.close();
    }
  }

  return {
    async render(dashboard, answers) {
      const data = `window.dashboard=${json(dashboard)};window.answers=${json(answers)};`;
      const file = join(folder, `${dashboard.uid}.html`);
      await writeFile(
        file,
        `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.bundle.css"><style>${style}</style><div id="root"></div><script>${data}</script><script src="page.bundle.js"></script>`,
      );
      const isReady =
        'document.querySelector("#root").children.length > 0 && (window.frames_ = (window.frames_ ?? 0) + 1) > 30';
      return show(pathToFileURL(file).href, isReady, { width: 1416, height: 1000 });
    },
    photograph: (url, account) => show(url, hasConsole, { width: 1280, height: 465, account }),
    close: () => browser.close(),
  };
}

interface View {
  readonly width: number;
  readonly height: number;
  /** Set for a page with a login. Then the picture has the size of the view. Otherwise it has the whole page. */
  readonly account?: Account;
}

/** The console is connected, and its charts of the last minute have some points. */
const hasConsole = 'document.body.innerText.includes("Live") && Date.now() > (window.since_ ??= Date.now()) + 40_000';
