// Checks that links between pages lead to existing pages and headings.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { pages } from '../src/docs/pages.ts';
import { root } from '../src/docs/read-page.ts';

const byPath = new Map(pages.map((page) => [page.path, page]));

for (const page of pages)
  test(page.path, () => {
    const dead = page.links.filter((link) => !/^[a-z]+:/.test(link) && !leadsSomewhere(page.path, link));
    assert.deepEqual(dead, []);
  });

function leadsSomewhere(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : normalize(join(dirname(from), path));
  if (!existsSync(join(root, target))) return false;
  return anchor === undefined || (byPath.get(target)?.anchors.has(anchor) ?? false);
}

test('code and configuration name only pages that exist', () => {
  const files = globSync(['*.yml', 'infra/**/*.{cfg,conf,sh,yml,yaml}', '{libs,services,test}/*/src/**/*.ts'], {
    cwd: root,
  });
  const dead = files.flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/\bdocs\/[a-z\d/-]+\.(?:md|png|svg)\b/g)]
      .filter(([path]) => !existsSync(join(root, path)))
      .map(([path]) => `${file}: ${path}`),
  );
  assert.ok(files.length > 1000);
  assert.deepEqual(dead, []);
});

test('every page can be reached from the README', () => {
  const seen = new Set<string>();
  const visit = (path: string) => {
    const page = byPath.get(path);
    if (page === undefined || seen.has(path)) return;
    seen.add(path);
    for (const link of page.links) visit(normalize(join(dirname(path), link.split('#')[0]!)));
  };
  visit('README.md');
  // Readers find the changelog by its file name.
  const lost = pages.map(({ path }) => path).filter((path) => !seen.has(path) && path !== 'CHANGELOG.md');
  assert.deepEqual(lost, []);
});
