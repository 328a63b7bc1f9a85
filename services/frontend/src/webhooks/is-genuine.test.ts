import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGenuine } from './add-webhook-routes.ts';

test('the signature of GitHub’s example is genuine', () => {
  // The example is from https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
  const proof = { provider: 'github', signature, authorization: undefined, token: undefined } as const;
  const secret = "It's a Secret to Everybody";
  assert.equal(isGenuine({ ...proof, body: Buffer.from('Hello, World!') }, secret), true);
  assert.equal(isGenuine({ ...proof, body: Buffer.from('Hello, World?') }, secret), false);
});
