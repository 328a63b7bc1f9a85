import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeConfig } from './reference.ts';
import { unsupportedKeys } from './source/unsupported-keys.ts';

test('the page lists supported keys with their defaults, and every unsupported key', () => {
  const page = describeConfig();
  for (const line of [
    /^\| `http\.addr` \| text \| `:5000` \|/m,
    /^\| `upstreams\.<name>\.timeouts\.body` \| duration \| `60s` \|/m,
    /^\| `http\.trustedproxies` \| list \| `\[127\.0\.0\.0\/8, ::1\/128\]` \|/m,
    /^\| `docker\.io` \(default\) \|/m,
  ])
    assert.match(page, line);
  for (const { path } of unsupportedKeys) assert.ok(page.includes(`\n| \`${path.replace('*', '<name>')}\` |`), path);
});
