// Turns a request into its response: limits, rights, then the endpoint, modified by the fault.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { OciErrorCode } from '@cistern/oci';
import { type Answer, answer, errorAnswer, jsonAnswer } from './answers/answer.ts';
import { blobAnswer } from './answers/blob-answer.ts';
import { manifestAnswer } from './answers/manifest-answer.ts';
import { referrersAnswer } from './answers/referrers-answer.ts';
import { tagsAnswer } from './answers/tags-answer.ts';
import type { Auth } from './auth/authorize.ts';
import { type Credentials, parseBasic } from './auth/basic-credentials.ts';
import { type Body, bytesBody, flipByte, resizeBody } from './content/body.ts';
import type { Content } from './content/content.ts';
import type { Fault } from './faults/fault.ts';
import type { FaultPicker } from './faults/fault-script.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Host, Target } from './target.ts';

export interface AnswerDependencies {
  readonly content: Content;
  readonly auth: Auth;
  readonly faults: FaultPicker;
  readonly rateLimit: RateLimit;
  readonly urlOf: (host: Host) => string;
  readonly maxPerPage: number;
  /** Whether the registry has the referrers endpoint. */
  readonly referrers: boolean;
}

export interface ParsedRequest {
  readonly target: Target;
  readonly headers: IncomingHttpHeaders;
  /** The form of a POST request. */
  readonly form: URLSearchParams;
  /** A request may have several `scope` parameters, which `target.query` cannot hold. */
  readonly scopes: readonly string[];
}

export function answerRequest(given: AnswerDependencies, request: ParsedRequest): { answer: Answer; fault: Fault } {
  const { target, headers } = request;
  const abusive = given.rateLimit.refuseAbuse();
  if (abusive !== undefined) return { answer: abusive, fault: {} };
  const authorized = given.auth.authorize(target, headers.authorization);
  if ('refusal' in authorized) return { answer: authorized.refusal, fault: {} };
  const fault = given.faults.pick(target);
  const scripted = scriptedAnswer(given, target, fault);
  if (scripted !== undefined) return { answer: scripted, fault };
  const spent = given.rateLimit.refuseSpent(target, authorized.subject);
  if (spent !== undefined) return { answer: spent, fault };
  const answered = answerEndpoint(given, request, fault);
  return { answer: given.rateLimit.account(target, authorized.subject, answered), fault };
}

function scriptedAnswer(given: AnswerDependencies, target: Target, fault: Fault): Answer | undefined {
  if (fault.redirectTo !== undefined) {
    const path = `/redirected/${target.repository}/${target.digest}`;
    return answer(307, { location: `${given.urlOf(fault.redirectTo)}${path}?X-Amz-Signature=${randomUUID()}` }, '');
  }
  const { status, body } = fault;
  if (status === undefined) return undefined;
  if (body !== undefined) return answer(status, {}, body);
  if (status === 401) return given.auth.refuse(target);
  const unknown = target.endpoint === 'manifest' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN';
  const codes: Record<number, OciErrorCode> = { 403: 'DENIED', 404: unknown, 429: 'TOOMANYREQUESTS' };
  return errorAnswer(status, codes[status] ?? 'UNKNOWN', 'scripted failure');
}

function answerEndpoint(
  given: AnswerDependencies,
  { target, headers, form, scopes }: ParsedRequest,
  fault: Fault,
): Answer {
  const { endpoint, method, repository: name = '', reference = '', digest } = target;
  const { content, maxPerPage } = given;
  if (endpoint === 'token')
    return given.auth.answerToken(formCredentials(form) ?? parseBasic(headers.authorization), scopes);
  if (method !== 'GET' && method !== 'HEAD')
    return errorAnswer(405, 'UNSUPPORTED', 'The operation is unsupported.', { allow: 'GET, HEAD' });
  if (endpoint === 'ping') return jsonAnswer({}, { 'docker-distribution-api-version': 'registry/2.0' });
  const repository = content.find(name);
  if (endpoint === 'other' || (endpoint === 'referrers' && !given.referrers))
    return answer(404, { 'content-type': 'text/plain' }, '404 page not found');
  if (repository === undefined) return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to registry');
  if (endpoint === 'tags') return tagsAnswer(repository, target, maxPerPage);
  if (endpoint === 'referrers') return referrersAnswer(repository, target, maxPerPage);
  if (endpoint === 'manifest') {
    const manifest = content.findManifest(name, reference);
    const body = manifest === undefined ? undefined : spoiled(bytesBody(manifest.bytes), fault);
    return manifestAnswer({ reference, manifest, body, headers });
  }
  const stored = digest === undefined ? undefined : repository.blobs.get(digest);
  const body = stored === undefined ? undefined : spoiled(stored, fault);
  return blobAnswer({ digest: reference, body, headers, ignoreRange: fault.ignoreRange ?? false });
}

function spoiled(body: Body, { flipByteAt, size }: Fault): Body {
  const flipped = flipByteAt === undefined ? body : flipByte(body, flipByteAt);
  return size === undefined ? flipped : resizeBody(flipped, size);
}

function formCredentials(form: URLSearchParams): Credentials | undefined {
  const username = form.get('username');
  return username === null ? undefined : { username, password: form.get('password') ?? '' };
}
