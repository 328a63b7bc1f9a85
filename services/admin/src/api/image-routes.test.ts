import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { fastify } from 'fastify';
import type { Images } from '@cistern/operations';
import { addImageRoutes } from './image-routes.ts';

const purged = { tags: 1, manifests: 1, blobs: 2 };

test('a purge returns its counts, a purge of pinned content is 409, and a refresh of an unknown tag is 404', async (t) => {
  const requests: object[] = [];
  const app = fastify({ exposeHeadRoutes: false });
  t.after(() => app.close());
  const images: Partial<Images> = {
    async purge(request: object) {
      requests.push(request);
      return 'digest' in request ? { refused: 'a:1 is pinned. Unpin first.' } : { purged };
    },
    async refresh(image: string) {
      if (image === 'gone') throw new CacheError('manifest-unknown', 'Upstream has no such tag.');
      if (image === 'down') throw new CacheError('upstream-unreachable', 'Upstream is down.');
      return { image, before: null, after: null };
    },
  };
  addImageRoutes(app, images as Images);
  const post = async (url: string, payload: object) => {
    const { statusCode, body } = await app.inject({ method: 'POST', url, payload });
    return [statusCode, JSON.parse(body) as unknown];
  };
  assert.deepEqual(await post('/v1/purge', { image: 'a' }), [200, { purged }]);
  assert.deepEqual(await post('/v1/purge', { digest: 'x' }), [409, { message: 'a:1 is pinned. Unpin first.' }]);
  assert.deepEqual(requests, [{ image: 'a' }, { digest: 'x' }]);
  assert.deepEqual(await post('/v1/refresh', { image: 'a' }), [200, { image: 'a', before: null, after: null }]);
  assert.deepEqual(await post('/v1/refresh', { image: 'gone' }), [404, { message: 'Upstream has no such tag.' }]);
  assert.deepEqual(await post('/v1/refresh', { image: 'down' }), [503, { message: 'Upstream is down.' }]);
  for (const wrong of [{}, { image: '' }]) assert.equal((await post('/v1/refresh', wrong))[0], 400);
});
