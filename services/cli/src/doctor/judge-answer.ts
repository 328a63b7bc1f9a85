// What a client would make of an answer, and what would mend one that it could not use.
import type { Answer } from './ask.ts';

/** By status, where the cache itself answers: what to look at, behind the words of the cache. */
const remedies: Readonly<Record<number, string>> = {
  401: 'what is shown is not enough for this: look at the user, and at what is before the cache',
  403: 'look at the rules under `access`, and at what this user may pull',
  429: 'wait, or look at the budget of the upstream and at `limits`',
  502: 'look at the credentials of the upstream in the configuration of the cache',
  503: 'look at the way from the workers to the upstream: names, routes, proxies, authorities',
  504: 'look at the way from the workers to the upstream: names, routes, proxies, authorities',
  508: 'the address of the upstream leads back to the cache: give it the address of the registry itself',
};

/** The answer, if it has this status and came as it was sent. Throws an error that says what is wrong. */
export function wellBehaved(answer: Answer, status: number): Answer {
  const { 'content-encoding': encoding, 'content-length': length } = answer.headers;
  if (answer.status !== status) throw new Error(describe(answer, status));
  if (encoding !== undefined)
    throw new Error(`it comes with Content-Encoding ${encoding}: what is before the cache must not compress`);
  if (length === undefined)
    throw new Error('it comes without Content-Length: what is before the cache must pass bodies on as they come');
  return answer;
}

function describe({ status, body }: Answer, wanted: number): string {
  const [, message] = /"message":"((?:[^"\\]|\\.)*)"/.exec(body.toString()) ?? [];
  const said = message === undefined ? '' : `: ${message.replace(/\\(.)/g, '$1')}`;
  const remedy = remedyFor(status, wanted, said);
  return `it answers ${status} and not ${wanted}${said}${remedy === undefined ? '' : ` → ${remedy}`}`;
}

function remedyFor(status: number, wanted: number, said: string): string | undefined {
  if (wanted === 206 && status === 200) return 'what is before the cache must pass Range on';
  if (said.includes('names no upstream')) return 'add it to `upstreams` in the configuration of the cache';
  return remedies[status];
}
