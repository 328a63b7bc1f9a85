import assert from 'node:assert/strict';
import { test } from 'node:test';
import { translateRegistryCommand } from './registry-command.ts';

const commands: readonly [given: readonly string[], expected: readonly string[]][] = [
  [
    ['registry', 'serve', '/root/config.yml'],
    ['serve', '/root/config.yml'],
  ],
  [
    ['/bin/registry', 'serve', '/etc/docker/registry/config.yml'],
    ['serve', '/etc/docker/registry/config.yml'],
  ],
  [['registry', '--version'], ['--version']],
  [['/etc/docker/registry/config.yml'], ['serve', '/etc/docker/registry/config.yml']],
  [['config.yaml'], ['serve', 'config.yaml']],
  [
    ['serve', '/root/config.yml'],
    ['serve', '/root/config.yml'],
  ],
  [
    ['doctor', 'http://cache.example'],
    ['doctor', 'http://cache.example'],
  ],
  [['--help'], ['--help']],
  [[], []],
];

for (const [given, expected] of commands)
  test(`"${given.join(' ')}" means "${expected.join(' ')}"`, () => {
    assert.deepEqual(translateRegistryCommand(given), expected);
  });
