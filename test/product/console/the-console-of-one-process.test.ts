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
  await page.getByText('Healthy').waitFor();
  await page.getByRole('link', { name: 'Images' }).click();
  await page.getByRole('link', { name: 'app:1' }).click();
  await page.getByRole('button', { name: 'Pin' }).click();
  await page.getByText('cistern user add').waitFor();
  await page.getByRole('link', { name: 'Connect a client' }).click();
  await page.getByText(`"http://127.0.0.1:${cistern.port}"`).waitFor();
  // Chromium itself logs that the pin was rejected.
  assert.deepEqual(
    offences.filter((offence) => !offence.includes('403 (Forbidden)')),
    [],
  );
});
