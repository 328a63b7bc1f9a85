// Sends three hundred requests of every kind. Most of them are aborted at a random point, and some bodies break.
// Afterwards the process has no more files, sockets and spool than before.
import assert from 'node:assert/strict';
import { readdir, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { openProcessStage, seededBytes } from '../src/open-stage.ts';
import { createRandom, type Random } from '../src/random.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { spoolFiles, wronglyStored } from '../src/store-files.ts';
import { untilSteady } from '../src/until-steady.ts';
import { until } from '../src/until.ts';

const seed = 300;
const requests = 300;
const atOnce = 20;
const { upstream, cistern } = await openProcessStage({ after });

/** Returns the process's open files, for example `socket` or a path, sorted. */
async function openFiles(): Promise<string[]> {
  const directory = `/proc/${cistern.pid}/fd`;
  const links = (await readdir(directory)).map((fd) => readlink(`${directory}/${fd}`).catch(() => ''));
  return (await Promise.all(links))
    .filter((link) => link !== '')
    .map((link) => link.replace(/:\[\d+\]$/, ''))
    .sort();
}

/** Closes idle connections to upstream, then waits until nothing changes any more. */
async function settledFiles(): Promise<string[]> {
  await upstream.refuseConnections();
  const files = await untilSteady(openFiles, { looks: 20, everyMs: 50 });
  await upstream.acceptConnections();
  return files;
}

const blobs = Array.from({ length: 60 }, (_, number) => {
  const bytes = seededBytes(1000 + number * 20_000, `blob ${number}`);
  return upstream.addBlob('library/app', bytes);
});
upstream.addImage('library/app', { tag: 'latest' });
// Slow enough to be aborted in the middle.
upstream.addFault({ endpoint: 'blob' }, { bytesPerSecond: 4_000_000 });
for (const { digest } of blobs.slice(0, 6)) upstream.addFault({ digest }, { flipByteAt: 0 });
for (const { digest } of blobs.slice(6, 12)) upstream.addFault({ digest }, { resetAfterBytes: 1, ignoreRange: true });
for (const { digest } of blobs.slice(12, 15)) upstream.addFault({ digest }, { resetBeforeHeaders: true });

function choosePath(random: Random): string {
  const blob = () => `blobs/${random.pick(blobs).digest}`;
  return random.pick([
    blob,
    blob,
    blob,
    () => 'manifests/latest',
    () => 'manifests/missing',
    () => 'tags/list',
    () => `blobs/sha256:${'0'.repeat(64)}`,
    () => 'manifests/-',
  ])();
}

/** Connects, sends a request and resets the connection, perhaps before it received anything. */
function requestAndReset(path: string, afterMs: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port: cistern.port, host: '127.0.0.1' });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: cache.test\r\n\r\n`.repeat(2));
    // real-time: the client leaves at a random moment
    setTimeout(() => socket.resetAndDestroy(), afterMs);
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}

async function doOne(random: Random): Promise<void> {
  const path = `/v2/library/app/${choosePath(random)}`;
  const [how, leaveAfterBytes, leaveAfterMs] = [
    random.between(0, 3),
    random.between(1, 500_000),
    random.between(0, 30),
  ];
  const start = random.between(0, 100_000);
  const range = random.pick([
    undefined,
    undefined,
    `bytes=${start}-`,
    `bytes=${start}-${start + 999}`,
    'bytes=0-9,20-29,-5',
  ]);
  const options = { method: random.pick(['GET', 'GET', 'GET', 'HEAD']), headers: range === undefined ? {} : { range } };
  if (how === 0) return requestAndReset(path, leaveAfterMs);
  const download = await beginDownload(cistern.url + path, options);
  if (how === 1) {
    await download.untilReceived(leaveAfterBytes).catch(() => {});
    download.leave();
  }
  await download.ended;
}

test(`${requests} requests with random aborts leave nothing open (seed ${seed})`, async (t) => {
  // Opens everything that stays open, such as the index's files.
  for (const path of ['manifests/latest', `blobs/${blobs[59]!.digest}`, 'tags/list'])
    await sendRequest(`${cistern.url}/v2/library/app/${path}`);
  await sendRequest(`${cistern.metricsUrl}/metrics`);
  const before = await settledFiles();

  const random = createRandom(seed);
  let left = requests;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await doOne(random);
    }),
  );
  const metrics = async () => (await sendRequest(`${cistern.metricsUrl}/metrics`)).body.toString();
  await until('nothing is in flight', async () => !/^cistern_\w+_in_flight\{.*\} [1-9]/m.test(await metrics()));
  await until('the spool is empty', async () => (await spoolFiles(cistern.rootDirectory)).length === 0);
  t.diagnostic(`${upstream.count()} requests to upstream, ${before.length} files open before`);
  assert.deepEqual(await settledFiles(), before);
  assert.deepEqual(await wronglyStored(cistern.rootDirectory), []);
  assert.match(await metrics(), /^cistern_requests_total\{operation="blob",result="\w+",status="aborted"\} [1-9]/m);
  assert.equal((await sendRequest(`${cistern.url}/v2/library/app/blobs/${blobs[40]!.digest}`)).status, 200);
});
