import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildAdminServer } from '../build-admin-server.ts';
import { optionsOfTest } from '../testing/options-of-test.ts';

interface Described {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema?: object }>> }>>;
}

test('the API describes the purpose, the input and the response of every route', async (t) => {
  const app = buildAdminServer(optionsOfTest);
  t.after(() => app.close());
  const routes: { readonly method: string; readonly url: string; readonly takesBody: boolean }[] = [];
  app.addHook('onRoute', ({ method, url, schema }) => {
    for (const one of [method].flat())
      if (one !== 'HEAD' && url.startsWith('/v1/'))
        routes.push({ method: one.toLowerCase(), url, takesBody: schema?.body !== undefined });
  });
  const answer = await app.inject('/v1/openapi.json');
  assert.equal(answer.headers['cache-control'], 'no-store');
  const { openapi, paths } = answer.json<Described>();
  assert.equal(openapi, '3.0.3');
  assert.ok(routes.length >= 18, `only ${routes.length} routes were found`);
  for (const { method, url, takesBody } of routes) {
    const operation = paths[url]?.[method] ?? assert.fail(`${method} ${url} is not described`);
    assert.ok(operation.summary, `${method} ${url} has no summary`);
    assert.ok(operation.tags?.length, `${method} ${url} is in no group`);
    const [content] = Object.values(operation.responses['200']?.content ?? {});
    assert.ok(content?.schema, `${method} ${url} does not describe its response`);
    assert.ok(method !== 'post' || takesBody, `${method} ${url} does not describe its body`);
  }
});
