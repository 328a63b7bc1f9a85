// Checks that every setting in a page's text or examples exists in the schema.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeConfig } from '@cistern/config';
import { parseAllDocuments } from 'yaml';
import { pages } from '../src/docs/pages.ts';

/**
 * The paths of the reference page, which is generated from the schema: `upstreams.<name>.ttl`, `access.rules[].action`.
 */
const known = new Set(
  [...describeConfig().matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path!.replaceAll('\\', '')),
);
const sections = new Set([...known].map((path) => path.split('.')[0]!));
/** Maps whose keys are the user's names. */
const maps = new Set(
  [...known].flatMap((path) => [...path.matchAll(/\.<name>/g)].map(({ index }) => path.slice(0, index))),
);

const isSection = (path: string) => [...known].some((one) => one.startsWith(`${path}.`) || one.startsWith(`${path}[`));
const isKnown = (path: string) => known.has(path) || isSection(path);

function keysOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => (isSection(path) ? keysOf(item, `${path}[]`) : []));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    // An ellipsis represents settings that were shown before.
    if (key === '…') return [];
    const below = path === '' ? key : maps.has(path) ? `${path}.<name>` : `${path}.${key}`;
    // A known setting without a section below takes any value, such as headers or fields of the log.
    return [below, ...(known.has(below) && !isSection(below) ? [] : keysOf(item, below))];
  });
}

for (const { path, blocks, prose } of pages.filter((page) => !page.path.includes('decisions/'))) {
  const examples = blocks.filter(({ language }) => language === 'yaml');
  const named = [...prose.matchAll(/`([a-z0-9]+(?:\.(?:<name>|[a-z0-9]+))+)`/g)].map(([, name]) => name!);
  const settings = named.filter(
    (name) => sections.has(name.split('.')[0]!) && !/\.(md|ts|ya?ml|json|io|com)$/.test(name),
  );
  if (path === 'docs/configuration.md' || examples.length + settings.length === 0) continue;

  test(path, () => {
    assert.deepEqual(
      settings.filter((name) => !isKnown(name) && !isKnown(name.replace(/^upstreams\./, 'upstreams.<name>.'))),
      [],
    );
    for (const { line, text } of examples)
      for (const document of parseAllDocuments(text)) {
        assert.deepEqual(document.errors, [], `line ${line}`);
        const keys = keysOf(document.toJS({ maxAliasCount: 100 }));
        // Files of other software, such as a CI system, start with keys that are no section of ours.
        if (keys.length === 0 || !sections.has(keys[0]!)) continue;
        assert.deepEqual(
          keys.filter((key) => !isKnown(key)),
          [],
          `line ${line}`,
        );
      }
  });
}
