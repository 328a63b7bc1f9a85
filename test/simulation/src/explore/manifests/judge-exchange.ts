// The rules for each answer to a client, whatever faults have happened.
import { digestOf } from '@cistern/oci';
import { claimsOf } from './claims-of.ts';
import type { ScenarioFacts } from './scenario-facts.ts';
import type { Exchanged } from './exchange.ts';
import { namedBetween, type SimulatedRepository } from './image-catalog.ts';
import type { User } from './rights.ts';

export interface Caller {
  readonly user: User;
  /** At the upstream that verifies its callers, as `name:password`; `undefined` means an anonymous caller there. */
  readonly account: string | undefined;
}

/** The facts that decide whether the caller may have an answer. */
export interface AskedRight {
  readonly repository: SimulatedRepository;
  /** A tag or a digest; `undefined` for lists. */
  readonly reference: string | undefined;
  readonly caller: Caller;
  /** Where a token is shown, it is for this repository alone. */
  readonly scope: SimulatedRepository;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

export interface Asked extends AskedRight {
  readonly reference: string;
  readonly kind: 'manifests' | 'blobs';
  readonly method: 'GET' | 'HEAD';
  readonly range: { readonly start: number; readonly end: number } | undefined;
  readonly who: string;
}

type Answer = Extract<Exchanged, { result: 'answer' }>;

/** Something is busy, throttled or unavailable. */
const temporary = new Set([429, 502, 503, 504]);
const refusals = new Set([401, 403, 404]);
/** For a blob of another size than a manifest, or upstream, says: a range beyond that size, or the whole. */
const misstating = new Set([416, 502]);
/** That upstream does not have a digest is remembered for so long after it said so. */
const rememberUnknownMs = 2_000;
/** Up to here a stored blob is hashed before its first byte is sent. */
const checkedBytes = 512 * 1024;

export function judgeExchange(facts: ScenarioFacts, asked: Asked, exchanged: Exchanged): void {
  const { problem } = facts;
  const what = `${asked.who}: ${asked.method} ${asked.repository.fullName} ${asked.reference.slice(0, 19)}`;
  if (exchanged.result === 'answer') {
    const { status, waitedMs } = exchanged;
    if (waitedMs > facts.patienceMs(asked))
      problem(`${what} waited ${waitedMs.toFixed(0)} ms for ${status} though nothing was wrong`);
    const judge = status === 200 || status === 206 ? judgeContent : judgeRefusal;
    judge(facts, asked, exchanged, what);
  } else if (exchanged.result === 'late') problem(`${what} never ends`);
  else if (exchanged.result === 'broken' && facts.mustServe(asked))
    problem(`${what} broke off though nothing was wrong: ${exchanged.reason}`);
}

function judgeRefusal(facts: ScenarioFacts, asked: Asked, { status, headers, body }: Answer, what: string): void {
  const { problem } = facts;
  const { repository, reference, startedAtMs } = asked;
  const isHere =
    repository.tags.has(reference) ||
    (repository.cameAtMs.get(reference) ?? Infinity) < startedAtMs - rememberUnknownMs - facts.confirmingMs;
  if (refusals.has(status) && (facts.mayBeRefused(asked) || (status === 404 && !isHere))) return;
  if (misstating.has(status) && (isMisstated(asked) || (facts.isLiedTo && asked.kind === 'blobs'))) return;
  if (!temporary.has(status)) return problem(`${what} got ${status}: ${body.toString().slice(0, 200)}`);
  if (facts.mustServe(asked))
    return problem(`${what} got ${status} though nothing was wrong: ${body.toString().slice(0, 200)}`);
  if (asked.method === 'GET' && !/^{"errors":\[{"code":"\w+"/.test(body.toString()))
    problem(`${what} got ${status} without a proper error: ${body.toString().slice(0, 200)}`);
  if (status === 429 && headers['retry-after'] === undefined) problem(`${what} got 429 without a time`);
}

function judgeContent(facts: ScenarioFacts, asked: Asked, answer: Answer, what: string): void {
  const { problem } = facts;
  const { headers, body, status } = answer;
  if (!facts.mayRead(asked)) return problem(`${what} was admitted as ${JSON.stringify(asked.caller)}`);
  const digest = String(headers['docker-content-digest']);
  const isTag = !asked.reference.includes(':');
  if (isTag) facts.onNamed(asked);
  if (isTag) judgeTag(facts, asked, { digest, cache: String(headers['x-cache']) }, what);
  else if (digest !== asked.reference) problem(`${what} got another digest: ${digest}`);
  const bytes = bytesFor(facts, asked, digest);
  if (bytes === undefined) return problem(`${what} got content that its upstream does not have: ${digest}`);
  const wanted = status === 206 ? bytes.subarray(asked.range?.start, (asked.range?.end ?? 0) + 1) : bytes;
  // A blob that was cut in the store is as long as it is there, and no body of it ends cleanly.
  if (
    headers['content-length'] !== String(wanted.length) &&
    !(asked.method === 'HEAD' && (facts.mayLieAbout(asked, bytes) || isMisstated(asked)))
  )
    problem(`${what} is said to have ${headers['content-length']} bytes, not ${wanted.length}`);
  if (asked.method === 'HEAD') return;
  if (body.length !== wanted.length) return problem(`${what} got a clean end after ${body.length} of ${wanted.length}`);
  if (body.equals(wanted)) return facts.onServed(asked, digest);
  if (facts.isLiedTo && wanted.length < bytes.length) return;
  const isChecked = asked.kind === 'manifests' || bytes.length <= checkedBytes;
  if (isChecked || !facts.mayLieAbout(asked, bytes))
    problem(`${what} got wrong bytes and a clean end (${status}, ${digestOf(body) === digest})`);
}

/** Whether a manifest of the repository, which an attacker wrote, has a wrong size for a blob that is there. */
function isMisstated({ repository, reference }: Asked): boolean {
  const size = repository.blobs.get(reference)?.length;
  return claimsOf(repository).some((claim) => claim.digest === reference && claim.size !== size);
}

/**
 * A tag's answer is a digest that upstream had for it at some moment. Unless the answer is called STALE, that moment is within
 * the time to live. The time to live counts from the record, so faults between upstream's answer and the record add to it.
 */
function judgeTag(
  facts: ScenarioFacts,
  { repository, reference, startedAtMs, endedAtMs }: Asked,
  { digest, cache }: { readonly digest: string; readonly cache: string },
  what: string,
): void {
  const moves = repository.tags.get(reference) ?? [];
  if (!namedBetween(moves, 0, endedAtMs).has(digest))
    return facts.problem(`${what} names what it never named: ${digest}`);
  if (cache === 'STALE' && !facts.isCalm) return;
  const maxAgeMs = facts.ttlMs + (cache === 'STALE' ? facts.staleWhileRevalidateMs : 0) + facts.confirmingMs;
  if (!namedBetween(moves, startedAtMs - maxAgeMs, endedAtMs).has(digest))
    facts.problem(`${what} is ${cache} and older than ${maxAgeMs} ms: ${digest}`);
}

/** Content of the upstream, or a blob of the same repository at another upstream that the caller may pull there. */
function bytesFor({ repositories, mayRead }: ScenarioFacts, asked: Asked, digest: string): Buffer | undefined {
  const { repository, kind } = asked;
  const own = repository[kind].get(digest);
  if (own !== undefined || kind === 'manifests') return own;
  const namesakes = repositories.filter(({ name, isPrivate }) => name === repository.name && !isPrivate);
  return namesakes.find((one) => one.blobs.has(digest) && mayRead({ ...asked, repository: one }))?.blobs.get(digest);
}
