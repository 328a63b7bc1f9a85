// The version of a release is in many files. All of them name the same one.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../src/docs/read-page.ts';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { version } = JSON.parse(read('package.json')) as { readonly version: string };

test('every package has the version of the root', () => {
  const files = globSync(['{libs,services,test}/*/package.json', 'infra/*/package.json'], { cwd: root });
  const others = files.filter((file) => (JSON.parse(read(file)) as { version: string }).version !== version);
  assert.ok(files.length > 30);
  assert.deepEqual(others, []);
});

test('pages and configuration name images and packages of this version', () => {
  const files = globSync(
    ['*.md', '*.yml', 'docs/*.md', 'infra/**/*.{yml,yaml,Dockerfile}', 'infra/docker/Dockerfile'],
    {
      cwd: root,
    },
  ).filter((file) => file !== 'CHANGELOG.md');
  const named = files.flatMap((file) =>
    [...read(file).matchAll(/(?:cistern[:_-]|newTag: |ARG VERSION=)(\d+\.\d+\.\d+)/g)].map(([text, found]) => ({
      file,
      text,
      found,
    })),
  );
  assert.ok(named.length > 5);
  assert.deepEqual(
    named.filter(({ found }) => found !== version),
    [],
  );
});
