// A resume is taken only from an upstream that sends the rest of the same bytes.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Fault } from '@cistern/fake-upstream';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { spoolFiles, storedDigests } from '../src/store-files.ts';
import { until } from '../src/until.ts';

const size = 2_000_000;
const broken = 1_000_000;
const { upstream, cistern } = await openStage({ after });

const resumes: Readonly<Record<string, Fault>> = {
  'is answered with the whole': { ignoreRange: true },
  'brings other bytes': { flipByteAt: broken + 500_000 },
  'tells another size': { size: size + 1000 },
  'begins elsewhere': { headers: { 'content-range': `bytes ${broken + 1}-${size - 1}/${size}` } },
  'is answered with 404': { status: 404 },
  'is answered with 403': { status: 403 },
};

for (const [name, fault] of Object.entries(resumes))
  test(`a resume that ${name}`, async () => {
    const bytes = seededBytes(size, name);
    const { digest } = upstream.addBlob('library/app', bytes);
    const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
    upstream.addFault({ digest, method: 'GET' }, fault);
    upstream.addFault({ digest, method: 'GET', times: 1 }, { endAfterBytes: broken });
    const answer = await sendRequest(url);
    assert.equal(answer.status, 200);
    assert.equal(answer.complete, false, 'the answer must not end as if it were whole');
    assert.ok(answer.body.length < size);
    assert.ok(answer.body.equals(bytes.subarray(0, answer.body.length)) || name === 'brings other bytes');
    assert.ok(upstream.count({ digest, method: 'GET', ranged: true }) >= 1);
    await until('the spool is empty', async () => (await spoolFiles(cistern.rootDirectory)).length === 0);
    assert.ok(!(await storedDigests(cistern.rootDirectory)).includes(digest));

    upstream.clearFaults();
    const again = await sendRequest(url);
    assert.ok(again.status === 200 && again.complete && again.body.equals(bytes));
  });
