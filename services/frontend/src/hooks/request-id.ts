// A name for each request, to find it in the log by: the caller's own, where it is fit for a log, or a fresh one.
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const acceptable = /^[\w.:-]{1,64}$/;

/** Counts up behind random characters of this process, which costs nothing per request. */
export function createRequestIds(): (request: IncomingMessage) => string {
  const process = randomBytes(5).toString('hex');
  let count = 0;
  return ({ headers }) => {
    const given = headers['x-request-id'];
    if (typeof given === 'string' && acceptable.test(given)) return given;
    count += 1;
    return `${process}-${count.toString(36)}`;
  };
}
