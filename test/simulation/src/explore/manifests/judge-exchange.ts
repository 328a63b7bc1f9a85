// Checks each response to a client by rules that hold under all faults.
import { digestOf } from '@cistern/oci';
import { claimsOf } from './claims-of.ts';
import type { ScenarioFacts } from './scenario-facts.ts';
import type { Exchanged } from './exchange.ts';
import { namedBetween, type SimulatedRepository } from './image-catalog.ts';
import type { User } from './rights.ts';

export interface Caller {
  readonly user: User;
  /**
   * The account at the upstream that verifies its callers, as `name:password`. Undefined means an anonymous caller
   * there.
   */
  readonly account: string | undefined;
}

/** The facts that decide whether the caller may receive a response. */
export interface AccessRequest {
  readonly repository: SimulatedRepository;
  /** A tag or a digest. Undefined for lists. */
  readonly reference: string | undefined;
  readonly caller: Caller;
  /** If the caller sends a token, the token is for this repository alone. */
  readonly scope: SimulatedRepository;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

export interface ClientRequest extends AccessRequest {
  readonly reference: string;
  readonly kind: 'manifests' | 'blobs';
  readonly method: 'GET' | 'HEAD';
  readonly range: { readonly start: number; readonly end: number } | undefined;
  readonly clientName: string;
}

type Answer = Extract<Exchanged, { result: 'answer' }>;

/** Statuses that mean that a part is busy, throttled or unavailable. */
const temporary = new Set([429, 502, 503, 504]);
const refusals = new Set([401, 403, 404]);
/**
 * Statuses for a blob with another size than its manifest or its upstream reports. A range beyond that size gets 416,
 * and the whole blob gets 502.
 */
const misstating = new Set([416, 502]);
/** How long the cache remembers that the upstream does not have a digest. */
const rememberUnknownMs = 2_000;
/** A stored blob of up to this size is hashed before its first byte is sent. */
const checkedBytes = 512 * 1024;

export function judgeExchange(facts: ScenarioFacts, request: ClientRequest, exchanged: Exchanged): void {
  const { problem } = facts;
  const context = `${request.clientName}: ${request.method} ${request.repository.fullName} ${request.reference.slice(0, 19)}`;
  if (exchanged.result === 'answer') {
    const { status, waitedMs } = exchanged;
    if (waitedMs > facts.patienceMs(request))
      problem(`${context} waited ${waitedMs.toFixed(0)} ms for ${status} though nothing was wrong`);
    const judge = status === 200 || status === 206 ? judgeContent : judgeRefusal;
    judge(facts, request, exchanged, context);
  } else if (exchanged.result === 'late') problem(`${context} never ends`);
  else if (exchanged.result === 'broken' && facts.mustServe(request))
    problem(`${context} broke off though nothing was wrong: ${exchanged.reason}`);
}

function judgeRefusal(
  facts: ScenarioFacts,
  request: ClientRequest,
  { status, headers, body }: Answer,
  context: string,
): void {
  const { problem } = facts;
  const { repository, reference, startedAtMs } = request;
  const isPresent =
    repository.tags.has(reference) ||
    (repository.addedAtMs.get(reference) ?? Infinity) < startedAtMs - rememberUnknownMs - facts.confirmingMs;
  if (refusals.has(status) && (facts.mayBeRefused(request) || (status === 404 && !isPresent))) return;
  if (misstating.has(status) && (isMisstated(request) || (facts.receivesWrongBytes && request.kind === 'blobs')))
    return;
  if (!temporary.has(status)) return problem(`${context} got ${status}: ${body.toString().slice(0, 200)}`);
  if (facts.mustServe(request))
    return problem(`${context} got ${status} though nothing was wrong: ${body.toString().slice(0, 200)}`);
  if (request.method === 'GET' && !/^{"errors":\[{"code":"\w+"/.test(body.toString()))
    problem(`${context} got ${status} without an OCI error: ${body.toString().slice(0, 200)}`);
  if (status === 429 && headers['retry-after'] === undefined) problem(`${context} got 429 without Retry-After`);
}

function judgeContent(facts: ScenarioFacts, request: ClientRequest, answer: Answer, context: string): void {
  const { problem } = facts;
  const { headers, body, status } = answer;
  if (!facts.mayRead(request))
    return problem(`${context} was served although the caller has no right: ${JSON.stringify(request.caller)}`);
  const digest = String(headers['docker-content-digest']);
  const isTag = !request.reference.includes(':');
  if (isTag) facts.onNamed(request);
  if (isTag) judgeTag(facts, request, { digest, cache: String(headers['x-cache']) }, context);
  else if (digest !== request.reference) problem(`${context} got another digest: ${digest}`);
  const bytes = bytesFor(facts, request, digest);
  if (bytes === undefined) return problem(`${context} got content that its upstream does not have: ${digest}`);
  const wanted = status === 206 ? bytes.subarray(request.range?.start, (request.range?.end ?? 0) + 1) : bytes;
  // A blob that was truncated in the store is reported with its stored length, and no body of it ends cleanly.
  if (
    headers['content-length'] !== String(wanted.length) &&
    !(request.method === 'HEAD' && (facts.mayBeDamaged(request, bytes) || isMisstated(request)))
  )
    problem(`${context} has content-length ${headers['content-length']} instead of ${wanted.length}`);
  if (request.method === 'HEAD') return;
  if (body.length !== wanted.length)
    return problem(`${context} got a clean end after ${body.length} of ${wanted.length}`);
  if (body.equals(wanted)) return facts.onServed(request, digest);
  if (facts.receivesWrongBytes && wanted.length < bytes.length) return;
  const isChecked = request.kind === 'manifests' || bytes.length <= checkedBytes;
  if (isChecked || !facts.mayBeDamaged(request, bytes))
    problem(`${context} got wrong bytes and a clean end (${status}, ${digestOf(body) === digest})`);
}

/** Reports whether an attacker's manifest in the repository gives a wrong size for an existing blob. */
function isMisstated({ repository, reference }: ClientRequest): boolean {
  const size = repository.blobs.get(reference)?.length;
  return claimsOf(repository).some((claim) => claim.digest === reference && claim.size !== size);
}

/**
 * Checks that the response for a tag names a digest that the upstream had for it at some time. Unless the response is
 * STALE, that time must be within the TTL. The TTL begins with the record, so faults between the upstream's response
 * and the record extend it.
 */
function judgeTag(
  facts: ScenarioFacts,
  { repository, reference, startedAtMs, endedAtMs }: ClientRequest,
  { digest, cache }: { readonly digest: string; readonly cache: string },
  context: string,
): void {
  const moves = repository.tags.get(reference) ?? [];
  if (!namedBetween(moves, 0, endedAtMs).has(digest))
    return facts.problem(`${context} names a digest that the tag never had at the upstream: ${digest}`);
  if (cache === 'STALE' && !facts.isCalm) return;
  const maxAgeMs = facts.ttlMs + (cache === 'STALE' ? facts.staleWhileRevalidateMs : 0) + facts.confirmingMs;
  if (!namedBetween(moves, startedAtMs - maxAgeMs, endedAtMs).has(digest))
    facts.problem(`${context} is ${cache} and older than ${maxAgeMs} ms: ${digest}`);
}

/**
 * Returns content of the upstream, or a blob of the repository of the same name at another upstream if the caller may
 * pull it there.
 */
function bytesFor(
  { repositories, mayRead }: ScenarioFacts,
  request: ClientRequest,
  digest: string,
): Buffer | undefined {
  const { repository, kind } = request;
  const own = repository[kind].get(digest);
  if (own !== undefined || kind === 'manifests') return own;
  const namesakes = repositories.filter(({ name, isPrivate }) => name === repository.name && !isPrivate);
  return namesakes.find((one) => one.blobs.has(digest) && mayRead({ ...request, repository: one }))?.blobs.get(digest);
}
