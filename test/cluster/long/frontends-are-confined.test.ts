// Frontends that cannot reach any upstream and cannot write to any file: cold and warm pulls still work.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullContinuously } from '../src/pull-continuously.ts';
import { pullImage } from '../src/pull.ts';
import { unexpectedErrors } from '../src/unexpected-errors.ts';

const run = promisify(execFile);
/** Runs a command with its own read-only view of the whole filesystem. */
const readOnly = `
  mount --make-rprivate /
  cut -d ' ' -f 2 /proc/self/mounts | while read -r place; do mount -o remount,bind,ro "$place" 2>/dev/null; done
  exec "$@"`;
const { upstream, cluster, nodes } = await openClusterRig(
  { after },
  { cluster: { isolateFrontends: true, prefix: { frontend: ['unshare', '--mount', 'sh', '-c', readOnly, 'sh'] } } },
);
const { frontends, workers } = cluster;

/** Runs a command in the namespaces of the first frontend. */
const inFrontend = (...command: string[]) =>
  run('nsenter', ['--target', String(frontends[0]?.pid), '--net', '--mount', ...command]);

const allowed = new Set([
  ...frontends.flatMap(({ port, debugPort }) => [port, debugPort]),
  cluster.redis.port,
  Number(new URL(cluster.s3.endpoint).port),
  ...workers.map(({ port }) => port),
]);

/**
 * Returns the connections as pairs of ports on the loopback, which is the only network. It skips pairs in which one
 * port is an allowed server.
 */
async function unexpectedConnections(): Promise<string[]> {
  const table = await readFile(`/proc/${frontends[0]?.pid}/net/tcp`, 'utf8');
  const pairs = table
    .split('\n')
    .slice(1, -1)
    .map((line) =>
      line
        .trim()
        .split(/\s+/, 3)
        .slice(1)
        .map((address) => Number.parseInt(address.slice(9), 16)),
    );
  return pairs.filter((ports) => !ports.some((port) => allowed.has(port))).map((ports) => ports.join(' to '));
}

test('a frontend can neither write a file nor reach the upstream', async () => {
  const places = '/ /tmp /var/tmp /dev/shm /run "$PWD"';
  await inFrontend('sh', '-c', `for place in ${places}; do touch "$place/x" 2>/dev/null && exit 1; done; exit 0`);
  const dial = (port: number) => inFrontend('bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`);
  for (const port of allowed) await dial(port);
  await assert.rejects(dial(Number(new URL(upstream.url).port)));
});

test('cold and warm pulls succeed under load', async () => {
  const unexpected: string[] = [];
  // real-time: open connections are sampled while the pulls run
  const sampling = setInterval(() => void unexpectedConnections().then((found) => unexpected.push(...found)), 50);
  const images = Array.from({ length: 12 }, (_, number) =>
    upstream.addImage('library/app', {
      tag: `v${number}`,
      seed: number,
      layers: [
        { size: 100_000 * number + 1, seed: number },
        { size: 9_000_000, seed: `large ${number}` },
      ],
    }),
  );
  const tagOf = (image: (typeof images)[number]) => `v${images.indexOf(image)}`;
  // Each client begins with another image, so that each image is cold for one of them.
  const pulling = pullContinuously({ clients: 12, at: [cluster, ...frontends], images, tagOf });
  try {
    for (const image of images) await pullImage({ at: frontends[2]!, image, tag: tagOf(image) });
  } finally {
    await pulling.stop();
    clearInterval(sampling);
  }
  assert.ok(pulling.pulled.length >= 12);
  assert.deepEqual([...new Set(pulling.pulled.map(({ status }) => status))], [200]);
  assert.deepEqual(unexpected, []);
  for (const { digest } of images.flatMap((image) => [image, image.config, ...image.layers]))
    assert.equal(upstream.count({ method: 'GET', digest }), 1);
  assert.deepEqual(unexpectedErrors(nodes), []);
});

test('frontends have no open file except their log', async () => {
  for (const { pid, name } of frontends) {
    const directory = `/proc/${pid}/fd`;
    const targets = (await readdir(directory)).map((fd) => readlink(`${directory}/${fd}`).catch(() => ''));
    const files = (await Promise.all(targets)).filter(
      (target) => target.startsWith('/') && !/^\/(?:dev|proc)\//.test(target),
    );
    assert.deepEqual([...new Set(files.map((file) => file.replace(/^.*\//, '')))], [`${name}.log`]);
  }
});
