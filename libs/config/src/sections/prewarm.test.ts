import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';

function imagesOf(images: string): unknown {
  return load(`prewarm: { images: [${images}] }`).prewarm.images;
}

test('nothing is prewarmed without the section, or if it is disabled', () => {
  const nothing = { top: 0, bytesPerSecond: Infinity, images: [] };
  assert.deepEqual(load(undefined).prewarm, nothing);
  assert.deepEqual(load('prewarm: { enabled: false, images: [{ image: nginx }] }').prewarm, nothing);
  assert.deepEqual(load('prewarm: {}').prewarm, { ...nothing, top: 100 });
  assert.deepEqual(load('prewarm: { top: 7, bandwidth: 20MB }').prewarm, {
    top: 7,
    bytesPerSecond: 20_000_000,
    images: [],
  });
});

test('an image has the name that clients use', () => {
  const hourly = { tags: ['latest'], platforms: [], when: { everyMs: 3_600_000 } };
  assert.deepEqual(imagesOf('{ image: nginx }'), [{ upstream: 'docker.io', repository: 'library/nginx', ...hourly }]);
  assert.deepEqual(imagesOf('{ image: bitnami/redis }, { image: index.docker.io/a/b }, { image: quay.io/c/d }'), [
    { upstream: 'docker.io', repository: 'bitnami/redis', ...hourly },
    { upstream: 'docker.io', repository: 'a/b', ...hourly },
    { upstream: 'quay.io', repository: 'c/d', ...hourly },
  ]);
});

test('an image has tags, platforms and a schedule', () => {
  const given = 'image: nginx, tags: ["1.*", stable], platforms: [linux/arm64/v8, linux/amd64]';
  const read = { upstream: 'docker.io', repository: 'library/nginx', tags: ['1.*', 'stable'] };
  const platforms = ['linux/arm64', 'linux/amd64'];
  assert.deepEqual(imagesOf(`{ ${given}, cron: "0 5 * * *" }`), [{ ...read, platforms, when: { cron: '0 5 * * *' } }]);
  assert.deepEqual(imagesOf(`{ ${given}, every: 10m }`), [{ ...read, platforms, when: { everyMs: 600_000 } }]);
});

test('all mistakes are reported', () => {
  const problems = problemsOf(`
prewarm:
  bandwidth: 1KiB
  images:
    - { image: "nginx:1.27" }
    - { image: registry.example.com/a }
    - { image: nginx, platforms: [amd64], every: 1s }
    - { image: nginx, cron: "61 * * * *" }
    - { image: nginx, cron: "0 5 * * *", every: 1h }
`);
  assert.deepEqual(
    problems.map(({ path }) => path),
    [
      'prewarm.bandwidth',
      'prewarm.images.0.image',
      'prewarm.images.1.image',
      'prewarm.images.2.every',
      'prewarm.images.2.platforms',
      'prewarm.images.3.cron',
      'prewarm.images.4.cron',
    ],
  );
  assert.match(problems[1]!.message, /without a tag/);
  assert.match(problems[2]!.message, /names no upstream: begin with one of docker.io, /);
});
