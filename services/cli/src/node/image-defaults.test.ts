import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findImageDefaults } from './read-config.ts';

/** Returns the lines of `/proc/self/mountinfo`: id, parent, device, root, mount point, options. */
const mountInfoOf = (...mountPoints: readonly string[]) =>
  ['/', '/proc', '/etc/hosts', ...mountPoints]
    .map((path, id) => `${id + 100} 99 0:${id + 30} /registry ${path} rw,relatime master:1 - ext4 /dev/sda1 rw\n`)
    .join('');

const defaultsWith = (mountPoints: readonly string[], paths: readonly string[] = []) =>
  findImageDefaults({ exists: (path) => paths.includes(path), mountInfo: () => mountInfoOf(...mountPoints) });

test('data is stored in the volume of registry:2, even an empty one', () => {
  assert.equal(defaultsWith(['/var/lib/registry']).rootDirectory, '/var/lib/registry');
  assert.equal(defaultsWith(['/var/lib/registry', '/var/lib/cistern']).rootDirectory, '/var/lib/registry');
});

test('data is stored in a directory with data of registry:2', () => {
  const paths = ['/var/lib/registry', '/var/lib/registry/docker/registry/v2'];
  assert.equal(defaultsWith([], paths).rootDirectory, '/var/lib/registry');
});

test("data is stored in Cistern's own directory otherwise", () => {
  for (const mounts of [[], ['/var/lib/cistern'], ['/var/lib/registry/elsewhere'], ['/srv/var/lib/registry']])
    assert.equal(defaultsWith(mounts, ['/var/lib/registry']).rootDirectory, '/var/lib/cistern');
});

test("the configuration comes from registry 3's file, else from registry:2's, else from no file", () => {
  const [two, three] = ['/etc/docker/registry/config.yml', '/etc/distribution/config.yml'];
  assert.equal(defaultsWith([], [two]).configPath, two);
  assert.equal(defaultsWith([], [two, three]).configPath, three);
  assert.equal(defaultsWith([]).configPath, undefined);
});
