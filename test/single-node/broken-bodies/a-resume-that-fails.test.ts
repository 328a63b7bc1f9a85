// A resume is accepted only if the upstream sends the rest of the same bytes.
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
  'gets the whole body': { ignoreRange: true },
  'gets other bytes': { flipByteAt: broken + 500_000 },
  'gets another size': { size: size + 1000 },
  'begins at another offset': { headers: { 'content-range': `bytes ${broken + 1}-${size - 1}/${size}` } },
  'gets a 404': { status: 404 },
  'gets a 403': { status: 403 },
};

for (const [name, fault] of Object.entries(resumes))
  test(`a resume fails if it ${name}`, async () => {
    const bytes = seededBytes(size, name);
    const { digest } = upstream.addBlob('library/app', bytes);
    const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
    upstream.addFault({ digest, method: 'GET' }, fault);
    upstream.addFault({ digest, method: 'GET', times: 1 }, { endAfterBytes: broken });
    const answer = await sendRequest(url);
    assert.equal(answer.status, 200);
    assert.equal(answer.complete, false, 'the response must not end as if it were complete');
    assert.ok(answer.body.length < size);
    assert.ok(answer.body.equals(bytes.subarray(0, answer.body.length)) || name === 'gets other bytes');
    assert.ok(upstream.count({ digest, method: 'GET', ranged: true }) >= 1);
    await until('the spool is empty', async () => (await spoolFiles(cistern.rootDirectory)).length === 0);
    assert.ok(!(await storedDigests(cistern.rootDirectory)).includes(digest));

    upstream.clearFaults();
    const again = await sendRequest(url);
    assert.ok(again.status === 200 && again.complete && again.body.equals(bytes));
  });
