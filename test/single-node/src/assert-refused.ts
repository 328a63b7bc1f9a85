import assert from 'node:assert/strict';
import { type Answer, errorsOf } from './send-request.ts';

/**
 * Asserts that a response is one error in the format of the OCI distribution specification, section "Error Codes". The
 * error must have a message for the user.
 */
export function assertRefused(answer: Answer, status: number, code: string, what?: string): void {
  const shown = `${what ?? ''} ${answer.body.toString('latin1', 0, 300)}`;
  assert.equal(answer.status, status, shown);
  assert.equal(answer.headers['content-type'], 'application/json', shown);
  assert.ok(answer.complete, shown);
  const [error, ...others] = errorsOf(answer);
  assert.equal(others.length, 0);
  assert.equal(error?.code, code, shown);
  assert.match(error.message, /\w+ \w+ \w+/, shown);
}
