// Tests the console in a real browser, on a cluster with real clients.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { sendRequest } from '@cistern/single-node/send-request';
import { ensureDebianPackages } from '@cistern/test-servers';
import { findBarriers } from '../src/console/find-barriers.ts';
import { openBrowser, openConsole } from '../src/console/open-browser.ts';
import { openLoadedCluster, operator } from '../src/console/open-loaded-cluster.ts';

await ensureDebianPackages(['chromium', 'skopeo', 'fonts-dejavu-core']);
const { upstream, cacheUrl, adminUrl, auditFile, stopAdmin, startAdmin } = await openLoadedCluster({ after });
const browser = await openBrowser();
after(() => browser.close());

const pages = ['', 'in-flight', 'images', 'images/app%3A1', 'upstreams', 'jobs', 'nodes', 'audit', 'connect'];
const httpCredentials = operator;

async function getFromAdmin<T>(path: string): Promise<T> {
  const authorization = `Basic ${Buffer.from(`${operator.username}:${operator.password}`).toString('base64')}`;
  return (await fetch(`${adminUrl}${path}`, { headers: { authorization } })).json() as Promise<T>;
}

test('the page needs a password', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const answer = await page.goto(`${adminUrl}/console/`).catch(() => undefined);
  assert.notEqual(answer?.status(), 200);
  await context.close();
});

test('numbers and progress bars change while clients pull', async () => {
  const { page, offences } = await openConsole(browser, adminUrl, { httpCredentials });
  // The fake docker.io reported its limit with the first pull.
  await page.getByRole('meter', { name: /^Pulls left: docker\.io/ }).waitFor();
  const requests = page.locator('.tile').filter({ hasText: 'Served from cache' }).locator('.note');
  const before = await requests.innerText();
  await until('requests are counted', async () => (await requests.innerText()) !== before);

  upstream.addFault({ repository: 'library/slow', endpoint: 'blob' }, { bytesPerSecond: 1_000_000 });
  const { layers } = upstream.addImage('library/slow', { tag: '1', layers: [{ size: 30_000_000, seed: 'slow' }] });
  const pull = sendRequest(`${cacheUrl}/v2/docker.io/library/slow/blobs/${layers[0]?.digest}`);
  await page.getByRole('link', { name: /^In flight/ }).click();
  const bar = page.getByRole('progressbar', { name: 'Fetching from docker.io/library/slow' });
  await bar.waitFor();
  const value = async () => Number(await bar.getAttribute('value'));
  const first = await value();
  await until('the bar moves', async () => (await value()) > first);
  await until('and further', async () => (await value()) > first + 2_000_000);
  await pull;
  await bar.waitFor({ state: 'detached' });
  assert.deepEqual(offences, []);
});

test('the strip on every page says what runs, and each segment leads to its page', async () => {
  const { page, offences } = await openConsole(browser, adminUrl, { httpCredentials });
  const strip = page.getByRole('region', { name: 'Is it well?' });
  for (const path of pages) {
    await page.goto(`${adminUrl}/console/#/${path}`);
    await strip.getByText('All well').waitFor();
    for (const name of ['2 frontends', '1 worker', /^Redis [\d.]+\sms$/, /^S3 [\d.]+\sms$/])
      await strip.getByRole('link', { name }).waitFor();
  }
  await strip.getByRole('link', { name: /^docker\.io \d+\/200$/ }).click();
  await page.getByRole('heading', { name: 'Upstreams' }).waitFor();
  await strip.getByRole('link', { name: '1 worker' }).click();
  await page.getByRole('heading', { name: 'Nodes' }).waitFor();
  const worker = page.getByRole('row').filter({ hasText: 'worker ·' });
  await worker
    .filter({ hasText: /\d+\s%/ })
    .filter({ hasText: /B\/s/ })
    .waitFor();
  assert.deepEqual(offences, []);
});

test('the charts show the traffic that the server has kept, also as a table', async () => {
  const { page, offences } = await openConsole(browser, adminUrl, { httpCredentials });
  await page
    .getByRole('img', { name: /^Hit ratio: .* of [\d,]+ requests were served from the cache in 24 hours$/ })
    .waitFor();
  await page.getByRole('button', { name: '30 days' }).click();
  await page.getByRole('img', { name: /^Bytes per second: .* in 30 days/ }).waitFor();
  await page.getByText('Show as a table').click();
  await page.getByRole('columnheader', { name: 'Day' }).waitFor();
  await page
    .getByRole('row')
    .filter({ hasText: /\d+ \w+/ })
    .first()
    .waitFor();
  assert.deepEqual(offences, []);
});

test('actions apply to all nodes and are in the audit log with the operator’s name', async () => {
  const { page, offences } = await openConsole(browser, adminUrl, { httpCredentials });
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const showsStatus = (text: string | RegExp) => page.getByRole('status').getByText(text).waitFor();
  await page.getByRole('link', { name: 'Images' }).click();
  await page.getByLabel('Search').fill('other');
  await until('only the search results are shown', async () => (await page.locator('tbody tr').count()) === 1);
  await page.getByRole('link', { name: 'other:1' }).click();

  await button('Pin').click();
  await button('Unpin').waitFor();
  assert.deepEqual(await getFromAdmin('/v1/pins'), { pins: ['docker.io/library/other:1'] });
  await button('Unpin').click();
  await button('Pin').waitFor();
  assert.deepEqual(await getFromAdmin('/v1/pins'), { pins: [] });

  const { digest } = upstream.addImage('library/other', { tag: '1', layers: [{ size: 1000, seed: 'newer' }] });
  await button('Refresh').click();
  await showsStatus(`${digest.slice(0, 19)} now, for all nodes`);
  await page.getByText(digest).waitFor();

  await button('Prewarm').click();
  await showsStatus(/other:1 (?:was already cached|is cached)/);

  await page.getByRole('link', { name: 'Upstreams' }).click();
  await button('Go offline: docker.io').click();
  await button('Go offline').click();
  await button('Go online: docker.io').waitFor();
  const isOffline = async () =>
    (await getFromAdmin<{ readonly upstreams: readonly { readonly isOffline: boolean }[] }>('/v1/upstreams'))
      .upstreams[0]?.isOffline;
  assert.equal(await isOffline(), true);

  await page.goto(`${adminUrl}/console/#/images/other%3A1`);
  await button('Purge').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Purge' }).click();
  await showsStatus(/^Purged other:1/);
  assert.equal((await sendRequest(`${cacheUrl}/v2/docker.io/library/other/manifests/1`)).status, 503);

  await page.goto(`${adminUrl}/console/#/upstreams`);
  await button('Go online: docker.io').click();
  await button('Go online').click();
  await button('Go offline: docker.io').waitFor();
  assert.equal(await isOffline(), false);

  const noted = (await readFile(auditFile, 'utf8')).split('\n').filter((line) => line.includes('"by":"ada"'));
  for (const path of ['pins', 'refresh', 'prewarm', 'offline', 'purge'])
    assert.ok(
      noted.some((line) => line.includes(`POST /v1/${path}`)),
      path,
    );

  await fetch(`${adminUrl}/v1/pins`, { headers: { authorization: 'Basic d3Jvbmc6d3Jvbmc=' } });
  await page.getByRole('link', { name: 'Audit' }).click();
  const entry = (text: string) => page.locator('.audit > li').filter({ hasText: text });
  await entry('ada purged other:1').filter({ hasText: 'done' }).first().waitFor();
  await entry('ada took docker.io offline').waitFor();
  await entry('ada unpinned other:1').waitFor();
  await entry('Someone failed to log in at GET /v1/pins').filter({ hasText: 'from 127.0.0.1' }).first().waitFor();
  await page.getByLabel('Show').selectOption('Operator actions');
  await until('only actions are shown', async () => (await entry('GET /v1/pins').count()) === 0);
  await entry('ada purged other:1').first().waitFor();
  await page.getByLabel('Show').selectOption('Rejected requests');
  await until('only rejected requests are shown', async () => (await entry('ada purged').count()) === 0);
  await entry('GET /v1/pins').first().waitFor();
  assert.deepEqual(offences, []);
});

for (const colorScheme of ['light', 'dark'] as const)
  test(`every page is accessible and fits on a phone: ${colorScheme}`, async () => {
    const { page, offences } = await openConsole(browser, adminUrl, {
      httpCredentials,
      colorScheme,
      reducedMotion: 'reduce',
    });
    for (const path of pages) {
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.goto(`${adminUrl}/console/#/${path}`);
      await until('the page is complete', async () => (await page.locator('.loading').count()) === 0);
      assert.equal(await page.locator('.empty.failed').count(), 0, path);
      assert.deepEqual(await findBarriers(page), [], path);
      await page.setViewportSize({ width: 360, height: 740 });
      assert.deepEqual(await findBarriers(page), [], `${path} on a phone`);
      const beyond = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
      assert.equal(beyond, 0, `${path} is wider than a phone`);
    }
    assert.deepEqual(offences, []);
  });

test('the keyboard can reach everything', async () => {
  const { page, offences } = await openConsole(browser, adminUrl, { httpCredentials });
  const focused = () => page.locator(':focus');
  const tabTo = async (name: string) => {
    for (let count = 0; count < 60; count += 1) {
      await page.keyboard.press('Tab');
      // Between the last element and the first the browser itself has the focus, and the body counts as active.
      const label = await page.evaluate<string>(
        "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? ''",
      );
      if (label.trim() === name) return;
    }
    assert.fail(`Tab never reaches ${name}`);
  };
  await page.keyboard.press('Tab');
  assert.equal(await focused().innerText(), 'Skip to content');
  await tabTo('Images');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Images' }).waitFor();
  await page.getByRole('link', { name: 'app:1', exact: true }).first().waitFor();
  await tabTo('app:1');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'app:1' }).waitFor();
  await page.getByRole('button', { name: 'Purge' }).waitFor();
  await tabTo('Purge');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  assert.equal(await focused().innerText(), 'Cancel');
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused().innerText(), 'Purge');
  assert.equal((await sendRequest(`${cacheUrl}/v2/docker.io/library/app/manifests/1`)).status, 200);
  assert.deepEqual(offences, []);
});

test('the page reports a lost server, and reconnects', async () => {
  const { page } = await openConsole(browser, adminUrl, { httpCredentials });
  await page.getByText('All well').waitFor();
  await stopAdmin();
  await page.getByText('Connection lost, reconnecting').waitFor();
  await page.getByText(/The connection to the cache is lost\. This page shows the state of \d/).waitFor();
  assert.notEqual(await page.locator('.tile').count(), 0, 'the last content stays');
  await startAdmin();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('The connection to the cache is lost').waitFor({ state: 'detached' });
});
