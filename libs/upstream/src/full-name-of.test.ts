import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullNameOf } from './full-name-of.ts';
import { resolveImage } from './resolve-image.ts';
import { createUpstreamTable } from './upstream-table.ts';

const table = createUpstreamTable([{ name: 'docker.io', isDefault: true }, { name: 'registry.test:5000' }]);

test('a name in full names the same image', () => {
  const names = ['nginx', 'index.docker.io/nginx:1', `registry.test:5000/a/b@sha256:${'a'.repeat(64)}`];
  const full = names.map((name) => fullNameOf(resolveImage(table, name)));
  assert.deepEqual(full, ['docker.io/library/nginx:latest', 'docker.io/library/nginx:1', names[2]]);
  assert.deepEqual(
    full.map((name) => fullNameOf(resolveImage(table, name))),
    full,
  );
});
