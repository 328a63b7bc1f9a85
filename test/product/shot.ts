import { openBrowser } from './src/console/open-browser.ts';
const [, , base, prefix, ...pages] = process.argv;
const b = await openBrowser();
for (const [name, width, height, scheme] of [['wide', 1600, 1000, 'light'], ['phone', 390, 844, 'dark']] as const) {
  const c = await b.newContext({ viewport: { width, height }, colorScheme: scheme });
  const p = await c.newPage();
  p.on('console', (m) => ['error', 'warning'].includes(m.type()) && console.log(m.text()));
  for (const page of pages) {
    await p.goto(`${base}/console/#/${page}`);
    await p.waitForTimeout(2500);
    await p.screenshot({ path: `/tmp/l/h/${prefix}-${name}-${page || 'overview'}.png`, fullPage: true });
  }
}
await b.close();
