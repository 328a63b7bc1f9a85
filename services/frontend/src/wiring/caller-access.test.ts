// The path of a caller's credentials from a frontend to a worker: no other node can read them, or send a message again.
import assert from 'node:assert/strict';
import { hkdfSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { type AccessQuestion, createAnswerAccess, openRemoteAccess, questionSeal } from '@cistern/pull-through';
import { createLogger } from '@cistern/telemetry';

const secret = 'the secret of this cluster';
const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const caller = { kind: 'password', username: 'ada', password: 'password-of-ada' } as const;
const question: AccessQuestion = {
  upstream: 'private.test',
  repository: parseRepositoryName('team/secret'),
  subject: { kind: 'manifest', reference: parseReference('latest') },
  caller,
  network: '192.0.2.1',
};

async function listen(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await request.toArray()).toString();
}

async function startWorker(t: TestContext, check: (received: AccessQuestion) => Promise<void>, of = secret) {
  const prove = async (received: AccessQuestion) => {
    await check(received);
    return { isProven: true };
  };
  const answer = createAnswerAccess({ check: prove, seal: questionSeal(of), log });
  return listen(t, answer);
}

function openFrontend(t: TestContext, addresses: string[]) {
  const found: string[] = [];
  const run = async (...job: unknown[]) => {
    found.push(JSON.stringify(job));
    const address = addresses.shift();
    if (address === undefined) throw new CacheError('overloaded', 'No worker takes jobs.');
    return { address };
  };
  const remote = openRemoteAccess({
    queue: { run } as unknown as JobQueue,
    seal: questionSeal(secret),
    clusterSecret: secret,
    tls: undefined,
    now: Date.now,
  });
  t.after(() => remote.close());
  return { check: remote.check, found };
}

const isOverloaded = (error: unknown) => isCacheError(error, 'overloaded');

test('a worker checks access for a frontend, and its result arrives unchanged', async (t) => {
  const received: AccessQuestion[] = [];
  const answers = [
    undefined,
    new CacheError('denied', 'Not you.', { detail: { status: 403 } }),
    new Error('a secret path'),
  ];
  const worker = await startWorker(t, async (one) => {
    received.push(one);
    const error = answers.shift();
    if (error !== undefined) throw error;
  });
  const { check, found } = openFrontend(t, [worker]);
  assert.deepEqual(await check(question), { isProven: true });
  const { nonce: _, ...first } = received[0] as AccessQuestion & { nonce: string };
  assert.deepEqual(first, question);
  await assert.rejects(check(question), (error) => {
    assert.ok(isCacheError(error, 'denied'));
    assert.deepEqual([error.message, error.detail], ['Not you.', { status: 403 }]);
    return true;
  });
  await assert.rejects(check(question), (error) => isOverloaded(error) && !/secret path/.test(String(error)));
  // One job found the worker for all checks, and contained no credentials.
  assert.equal(found.length, 1);
  assert.doesNotMatch(found.join(), /ada|secret/);
});

test('credentials are unreadable on the wire, and no two messages are equal', async (t) => {
  const worker = await startWorker(t, async () => {});
  const messages: string[] = [];
  const tap = await listen(t, (request, response) => {
    const relay = async () => {
      const body = await textOf(request);
      messages.push(`${request.url}\n${JSON.stringify(request.headers)}\n${body}`);
      const { authorization = '' } = request.headers;
      const answer = await fetch(worker + request.url, { method: 'POST', headers: { authorization }, body });
      const text = await answer.text();
      messages.push(text);
      response.writeHead(answer.status).end(text);
    };
    void relay();
  });
  const { check } = openFrontend(t, [tap]);
  await check(question);
  await check(question);
  const wireText = messages.join('\n');
  for (const text of [
    'ada',
    'password',
    'team/secret',
    Buffer.from('ada:password-of-ada').toString('base64'),
    'mayRead',
  ])
    assert.ok(!wireText.includes(text), text);
  assert.equal(new Set(messages).size, messages.length);
  // Workers of protocol 1 expect this token. Workers of this release ignore it.
  const v1Token = Buffer.from(hkdfSync('sha256', secret, '', 'cistern fill server v1', 32)).toString('base64url');
  assert.ok(wireText.includes(`"authorization":"Bearer ${v1Token}"`));
});

test('a response to another check, or from a foreign node, grants no access', async (t) => {
  const worker = await startWorker(t, async () => {});
  let kept: string | undefined;
  const replaying = await listen(t, (request, response) => {
    const replay = async () => {
      const body = await textOf(request);
      const { authorization = '' } = request.headers;
      kept ??= await (await fetch(worker + request.url, { method: 'POST', headers: { authorization }, body })).text();
      response.end(kept);
    };
    void replay();
  });
  const { check } = openFrontend(t, [replaying, replaying]);
  await check(question);
  await assert.rejects(check(question), isOverloaded);

  const inClear = await listen(t, (_request, response) => response.end(JSON.stringify({ mayRead: true })));
  await assert.rejects(openFrontend(t, [inClear, inClear]).check(question), isOverloaded);
});

test('a worker rejects nodes of another cluster, and callers without a secret', async (t) => {
  const received: unknown[] = [];
  const foreign = await startWorker(t, async (one) => void received.push(one), 'the secret of another one');
  await assert.rejects(openFrontend(t, [foreign, foreign]).check(question), isOverloaded);
  const worker = await startWorker(t, async (one) => void received.push(one));
  const post = (headers: Record<string, string>, body = 'x') =>
    fetch(`${worker}/v1/access`, { method: 'POST', headers, body });
  assert.equal((await post({})).status, 401);
  assert.equal((await post({ authorization: 'Bearer x' })).status, 401);
  assert.deepEqual(received, []);
});

test('if a worker is unreachable, the frontend searches for a worker once more, and without a worker the check fails', async (t) => {
  const unreachable = 'http://127.0.0.1:1';
  const worker = await startWorker(t, async () => {});
  const { check, found } = openFrontend(t, [unreachable, worker]);
  await check(question);
  await check(question);
  assert.equal(found.length, 2);
  await assert.rejects(openFrontend(t, [unreachable, unreachable]).check(question), isOverloaded);
  await assert.rejects(openFrontend(t, []).check(question), isOverloaded);
});

/**
 * Starts a server that accepts connections and sends only `sent`, like a frozen process, whose connections the kernel still
 * accepts.
 */
async function startFrozen(t: TestContext, sent = ''): Promise<string> {
  const server = createTcpServer((socket) => void socket.on('error', () => {}).write(sent)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Much longer than the silence limit of a worker, and shorter than the time limit of its upstream. */
const hangingMs = 45_000;

test('a silent worker is replaced by another one', { concurrency: true, timeout: hangingMs }, async (t) => {
  const began = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n \r\n';
  const frozen = { 'from the start': '', 'during the check': began };
  await Promise.all(
    Object.entries(frozen).map(([when, sent]) =>
      t.test(when, async (t_) => {
        const worker = await startWorker(t_, async () => {});
        const { check, found } = openFrontend(t_, [await startFrozen(t_, sent), worker]);
        await check(question);
        assert.equal(found.length, 2);
      }),
    ),
  );
});

test('a frontend waits for a worker whose upstream is slow', { concurrency: true }, async (t) => {
  const worker = await startWorker(t, async () => {
    // This exceeds the silence limit of a worker.
    await delay(7_000);
    throw new CacheError('denied', 'Not you.');
  });
  const { check, found } = openFrontend(t, [worker]);
  await assert.rejects(check(question), (error) => isCacheError(error, 'denied') && error.message === 'Not you.');
  assert.equal(found.length, 1);
});
