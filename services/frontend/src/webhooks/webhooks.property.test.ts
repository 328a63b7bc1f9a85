// Bodies that are almost payloads of providers: each is accepted or ignored, and yields only well-formed names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import * as payloads from './fixtures/payloads.ts';
import { isGenuine } from './add-webhook-routes.ts';
import { readPushed } from './read-pushed.ts';

const whole = Object.values(payloads) as readonly unknown[];

/** Returns a payload with some of its values replaced. */
const spoiled = fc
  .tuple(fc.constantFrom(...whole), fc.infiniteStream(fc.nat(30)), fc.infiniteStream(fc.jsonValue()))
  .map(([payload, dice, values]) => {
    const spoil = (_key: string, value: unknown) => (dice.next().value === 0 ? values.next().value : value);
    return JSON.parse(JSON.stringify(payload, spoil) ?? 'null') as unknown;
  });

for (const [name, read] of Object.entries(readPushed))
  test(`${name} yields texts or nothing`, () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 3, arbitrary: spoiled }, { weight: 1, arbitrary: fc.jsonValue() }), (body) => {
        for (const { repository, tag } of read(body) ?? [])
          assert.ok(typeof repository === 'string' && repository !== '' && typeof tag === 'string' && tag !== '');
      }),
    );
  });

test('only the secret itself is a genuine proof', () => {
  const proof = fc.record({
    provider: fc.constantFrom('docker-hub' as const, 'github' as const, 'distribution' as const, 'generic' as const),
    body: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    signature: fc.option(fc.oneof(fc.string(), fc.constantFrom('sha256=', 'sha1=')), { nil: undefined }),
    authorization: fc.option(fc.oneof(fc.string(), fc.constantFrom('Bearer ', 'Bearer secre')), { nil: undefined }),
    token: fc.option(fc.oneof(fc.string(), fc.constantFrom('', 'SECRET')), { nil: undefined }),
  });
  fc.assert(fc.property(proof, (given) => assert.equal(isGenuine(given, 'a secret that is not guessed'), false)));
});
