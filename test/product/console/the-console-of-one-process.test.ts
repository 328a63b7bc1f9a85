// Tests the console of a single process without operators, which is read-only on the same machine.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { cacheOf, openCistern, openUpstream } from '@cistern/single-node/open-stage';
import { sendRequest } from '@cistern/single-node/send-request';
import { ensureDebianPackages, freePort } from '@cistern/test-servers';
import { openBrowser, openConsole } from '../src/console/open-browser.ts';

await ensureDebianPackages(['chromium', 'fonts-dejavu-core']);

test('a local client sees everything, and the page explains how to enable actions', async () => {
  const upstream = await openUpstream({ after });
  upstream.addImage('library/app', { tag: '1' });
  const addr = `127.0.0.1:${await freePort()}`;
  const cistern = await openCistern({ after }, { config: { ...cacheOf(upstream), admin: { addr } } });
  assert.equal((await sendRequest(`${cistern.url}/v2/library/app/manifests/1`)).status, 200);
  const browser = await openBrowser();
  after(() => browser.close());
  const { page, offences } = await openConsole(browser, `http://${addr}`);
  await page.getByText('All well').waitFor();
  const strip = page.getByRole('region', { name: 'Is it well?' });
  for (const name of ['1 node', 'SQLite', /^Directory [\d.]+\sms$/]) await strip.getByRole('link', { name }).waitFor();
  await page.getByRole('link', { name: 'Images' }).click();
  await page.getByRole('link', { name: 'app:1' }).click();
  await page.getByText('cistern user add').waitFor();
  for (const name of ['Refresh', 'Prewarm', 'Pin', 'Purge'])
    assert.equal(await page.getByRole('button', { name, exact: true }).isDisabled(), true, name);
  await page.getByRole('link', { name: 'Upstreams' }).click();
  await page.getByText('cistern user add').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Go offline: docker.io' }).isDisabled(), true);
  await page.getByRole('link', { name: 'Connect a client' }).click();
  await page.getByText(`"http://127.0.0.1:${cistern.port}"`).waitFor();
  assert.deepEqual(offences, []);
});
