// Puts addresses with a password under every known key. No message may repeat the password.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyNode } from './key-tree.ts';
import { ConfigError, hideUserInfo } from './problems.ts';
import { keyTree } from '../build-config.ts';
import { load } from '../testing.ts';

const password = 'hidden-pass-word';

/** Returns a document with `value` for each place of the schema that takes a value. */
function documentsOf(node: KeyNode): readonly ((value: string) => unknown)[] {
  switch (node.kind) {
    case 'section':
      return [...node.children].flatMap(([key, child]) =>
        documentsOf(child).map((at) => (v: string) => ({ [key]: at(v) })),
      );
    case 'map':
      return documentsOf(node.item).map((at) => (value: string) => ({ 'a.example': at(value) }));
    case 'list':
      if (node.item === undefined) return [(value) => [value]];
      return documentsOf(node.item).map((at) => (value: string) => [at(value)]);
    case 'unsupported':
      return node.below === undefined ? [(value) => value] : documentsOf(node.below);
    case 'value':
      return [(value) => value];
    default:
      return node satisfies never;
  }
}

const places = documentsOf(keyTree);
const address = fc
  .tuple(
    fc.constantFrom('', 'redis://', 'https://', 'rediss://', '//'),
    fc.constantFrom(`user:${password}`, `:${password}`, password, `user:a "b' ${password}`, `user:x@y${password}`),
    fc.constantFrom('redis:6379', 'redis', '[::1]:6379', 'redis$&:1', 'a.example/x', ':5000'),
  )
  .map(([scheme, userInfo, host]) => `${scheme}${userInfo}@${host}`);

function messagesOf(document: unknown): string {
  try {
    return JSON.stringify(load(JSON.stringify(document)).warnings);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

function assertHidden(document: unknown): void {
  const messages = messagesOf(document);
  assert.ok(!messages.includes(password), messages);
}

test('no message shows a password in an address, under each key', () => {
  for (const place of places) assertHidden(place(`redis://user:${password}@redis:6379`));
});

test('no message shows a password in any form of address, under any key', () => {
  fc.assert(fc.property(fc.constantFrom(...places), address, (place, value) => assertHidden(place(value))));
});

test('a message shows the host of an address, and the whole name of an image', () => {
  const hide = hideUserInfo({ addrs: ['redis://me:secret@redis:6379'], image: 'nginx:1@sha256:abc' });
  const messageOf = (message: string) => hide({ path: 'x', message }).message;
  assert.equal(
    messageOf('"redis://me:secret@redis:6379" is not an address'),
    '"redis://[redacted]@redis:6379" is not an address',
  );
  assert.equal(messageOf('"nginx:1@sha256:abc" is no name'), '"nginx:1@sha256:abc" is no name');
});
