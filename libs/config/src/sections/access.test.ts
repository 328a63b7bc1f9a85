import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths } from '../testing.ts';

test('everything is allowed without rules', () => {
  assert.deepEqual(load(undefined).access, { fallback: 'allow', rules: [] });
});

test('rules are kept unchanged, and a rule without images matches all images', () => {
  const { access } = load(`
    access:
      default: deny
      rules:
        - { action: deny, images: "**:latest", reason: pin a version }
        - { action: allow, users: [ci-*], networks: [10.0.0.0/8] }
        - { action: deny, platforms: [windows/*, linux/ARM64/v8, linux/arm/v6, linux/arm] }
  `);
  assert.deepEqual(access, {
    fallback: 'deny',
    rules: [
      { action: 'deny', images: ['**:latest'], reason: 'pin a version' },
      { action: 'allow', images: ['**'], users: ['ci-*'], networks: ['10.0.0.0/8'] },
      { action: 'deny', images: ['**'], platforms: ['windows/*', 'linux/arm64', 'linux/arm/v6', 'linux/arm'] },
    ],
  });
});

test('invalid rules are rejected with their paths', () => {
  assert.deepEqual(
    problemPaths(
      'access: { default: maybe, rules: [{ images: a }, { action: deny, networks: [x], platforms: [linux] }] }',
    ),
    ['access.default', 'access.rules[0].action', 'access.rules[1].networks[0]', 'access.rules[1].platforms[0]'],
  );
});
