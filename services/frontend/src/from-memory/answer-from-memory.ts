// Answers requests for content in memory before Fastify sees them, which costs half as much (decision 0075). Most requests of a
// fleet are of this kind. All others, and all that need a check that waits, go to Fastify. A test sends the same requests both ways.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { AuthorizedRepository } from '@cistern/pull-through';
import { createRequestFacts } from '@cistern/telemetry';
import type { FastifyInstance } from 'fastify';
import { joinLine, leaveLine } from '../hooks/add-request-hooks.ts';
import { millisecondsSince, type ReportRequest, type RequestFactsOptions } from '../hooks/request-facts.ts';
import { type AnswerHeaders, blobMediaType } from '../http/answer.ts';
import type { V2Dependencies } from '../v2/v2-dependencies.ts';
import { createClientAddresses } from './client-addresses.ts';
import { createMemoryTargets, type MemoryTarget } from './memory-targets.ts';
import { readFields } from './read-fields.ts';
import { createResponseHeads, sendHead } from './response-heads.ts';

type Shared =
  | 'authenticator'
  | 'authorize'
  | 'callerTokens'
  | 'isUnlimited'
  | 'isVerified'
  | 'metrics'
  | 'pullThrough'
  | 'revision'
  | 'upstreams';

export interface MemoryAnswersOptions extends Pick<V2Dependencies, Shared>, Pick<RequestFactsOptions, 'now'> {
  /** The headers of every response. */
  readonly headers: AnswerHeaders;
  readonly trustedProxies: readonly string[];
  readonly proxyProtocol: boolean;
  /** Returns the ID of a request with this `X-Request-Id`. */
  readonly requestId: (given: string | undefined) => string;
  readonly report: ReportRequest;
}

const ownHeaders = new Set([
  'accept-ranges',
  'age',
  'connection',
  'content-length',
  'content-type',
  'date',
  'docker-content-digest',
  'etag',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'x-cache',
  'x-cistern-upstream',
  'x-request-id',
]);

/** A body of at most this many bytes is kept as text. Larger ones are not cheaper as text. */
const maxText = 2048;

/** Must be called before the server listens. Does nothing if `headers` replace headers that an answer has of its own. */
export function answerFromMemory(app: FastifyInstance, options: MemoryAnswersOptions): void {
  const { server } = app;
  if (Object.keys(options.headers).some((name) => ownHeaders.has(name))) return;
  const answers = createMemoryAnswers({ ...options, keepAliveMs: server.keepAliveTimeout });
  let isClosing = false;
  // Fastify ends the connections of a server that is closing.
  app.addHook('preClose', (done) => {
    isClosing = true;
    done();
  });
  const listeners = server.listeners('request') as RequestListener[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!isClosing && answers(request, response)) return;
    for (const listener of listeners) listener(request, response);
  });
}

/** Returns a function that answers a request and returns true, or returns false. */
function createMemoryAnswers(options: MemoryAnswersOptions & { readonly keepAliveMs: number }) {
  const { authenticator, pullThrough, report, requestId, now } = options;
  const addressOf = createClientAddresses(options.trustedProxies);
  const targetOf = createMemoryTargets(options.upstreams, options.revision);
  const heads = createResponseHeads(options.headers, options.keepAliveMs);
  const inFlight = {
    manifest: options.metrics.requestsInFlight.series({ operation: 'manifest' }),
    blob: options.metrics.requestsInFlight.series({ operation: 'blob' }),
  };
  const accepted = options.metrics.authentications.series({ method: 'anonymous', result: 'accepted' });

  function find(target: MemoryTarget, repository: AuthorizedRepository, isHead: boolean) {
    const { reference, digest } = target;
    if (target.operation === 'manifest')
      return pullThrough.manifestFromMemory({ target: repository, reference }, isHead ? 'facts' : 'bytes');
    if (digest === undefined || isHead) return undefined;
    const blob = pullThrough.blobFromMemory({ target: repository, digest, intent: 'whole' });
    return blob && { ...blob, ageMs: undefined, mediaType: blobMediaType };
  }

  return (request: IncomingMessage, response: ServerResponse): boolean => {
    const startedAt = performance.now();
    const { method = '', url = '' } = request;
    const isHead = method === 'HEAD';
    if (method !== 'GET' && !isHead) return false;
    // A response without a socket waits for that of an earlier request on the connection.
    if (request.httpVersion !== '1.1' || !response.shouldKeepAlive || response.socket === null) return false;
    const asker = authenticator.acceptedForAll;
    if (asker?.method !== 'anonymous') return false;
    const fields = readFields(request.rawHeaders);
    const address = fields && addressOf(request, fields);
    if (fields === undefined || address === undefined || !options.isUnlimited(address.ip)) return false;
    if (address.isProxied && fields.forwardedHost !== undefined) return false;
    // A listener that comes later removes this header if a PROXY header names no client.
    if (options.proxyProtocol && fields.forwardedFor !== undefined) return false;
    const target = targetOf(url, fields.host);
    if (target === undefined) return false;
    const { upstream, repository } = target;
    if (options.isVerified(upstream) && options.callerTokens() !== undefined) return false;
    const decision = AuthorizedRepository.decide(options.authorize, {
      upstream,
      repository,
      tag: target.reference.kind === 'tag' ? target.reference.tag : undefined,
      asker: { identity: asker.identity, clientIp: address.ip },
    });
    if (decision.result !== 'allowed') return false;
    const content = find(target, decision.target, isHead);
    if (content === undefined) return false;

    const { digest, mediaType, size, cache } = content;
    // Only the bytes have the right size. A record has the size that the upstream reported.
    let { latest } = target;
    if (latest?.digest !== digest || latest.mediaType !== mediaType || latest.size !== size) {
      const head = heads.constantPart({ upstream, digest, mediaType, size, operation: target.operation });
      latest = { digest, mediaType, size, head };
      target.latest = latest;
    }
    const id = requestId(fields.requestId);
    const facts = createRequestFacts({
      operation: target.operation,
      method,
      url,
      requestId: id,
      clientIp: address.shown,
      referer: fields.referer,
      userAgent: fields.userAgent,
      startedAtMs: now(),
      upstream,
      repository,
      reference: target.shownReference,
      cache,
    });
    accepted.add(1);
    inFlight[target.operation].add(1);
    const { socket } = request;
    // Later requests of the connection wait for the end of this response.
    const line = joinLine(socket, () => {});
    response.on('close', () => {
      leaveLine(socket, line);
      facts.durationMs = millisecondsSince(startedAt);
      facts.aborted = !response.writableFinished;
      facts.status = 200;
      if (!facts.aborted) {
        facts.timeToFirstByteMs = facts.durationMs;
        facts.bytesSent = isHead ? 0 : size;
      }
      report(facts);
    });
    sendHead(response, heads.whole(latest.head, id, content.ageMs), isHead ? undefined : bodyOf(latest, content.bytes));
    return true;
  };
}

/** Returns a small body as text, because head and body are then one write. */
function bodyOf(latest: NonNullable<MemoryTarget['latest']>, bytes: Buffer | undefined): Buffer | string | undefined {
  if (bytes === undefined || bytes.length > maxText) return bytes;
  latest.body ??= bytes.toString('latin1');
  return latest.body;
}
