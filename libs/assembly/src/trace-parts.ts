// Adds spans to the calls of the parts of a node: index, store, queue, upstreams, and the fills that followers read.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { RedisIndex } from '@cistern/index/redis';
import { type JobHandlers, type JobName, type JobPayload, type JobQueue, wrapHandlers } from '@cistern/jobs';
import type { AnswerPeer } from '@cistern/pull-through';
import { inSpan, type Span, type SpanAttributes, type SpanOptions, type Tracing } from '@cistern/telemetry';
import type { Upstream, UpstreamBlobBody } from '@cistern/upstream';

export function traceIndex<I extends CacheIndex | RedisIndex>(index: I, tracing: Tracing): I {
  const trace = <T extends object>(part: T, name: string, methods: readonly (keyof T & string)[]): T =>
    traceCalls(part, methods, tracing, { prefix: `index ${name}`, kind: 'client' });
  return {
    ...index,
    tags: trace(index.tags, 'tags', ['get', 'put', 'replace', 'remove']),
    manifests: trace(index.manifests, 'manifests', ['get', 'put']),
    blobs: trace(index.blobs, 'blobs', ['get', 'put', 'touch']),
    links: trace(index.links, 'links', ['get', 'put', 'holders', 'repositories']),
    fills: trace(index.fills, 'fills', ['read']),
  };
}

/** Traces the store. The span of a read covers only `open`, not the reading of the bytes. */
export function traceStore(store: BlobStore, tracing: Tracing): BlobStore {
  const methods = ['stat', 'open', 'put', 'remove', 'readObject', 'writeObject', 'presign'] as const;
  return traceCalls(store, methods, tracing, {
    prefix: 'store',
    kind: 'client',
    attributesOf: ([name]): SpanAttributes => ({ 'cistern.object': typeof name === 'string' ? name : undefined }),
  });
}

/**
 * Traces requests for jobs. The job contains the trace, so that the worker that runs the job continues it. If several
 * requests share a job, the job is in the trace of the first request.
 */
export function traceQueue(queue: JobQueue, tracing: Tracing): JobQueue {
  return {
    ...queue,
    add: (name, payload, options) =>
      trace(`add ${name}`, payload, (traceparent) => queue.add(name, payload, { ...options, ...traceparent })),
    run: (name, payload, options) =>
      trace(`run ${name}`, payload, (traceparent) => queue.run(name, payload, { ...options, ...traceparent })),
  };

  function trace<T>(
    name: string,
    payload: JobPayload<JobName>,
    call: (parent: Partial<Pick<Span, 'traceparent'>>) => Promise<T>,
  ): Promise<T> {
    if (tracing.current() === undefined) return call({});
    const attributes = attributesOfJob(payload);
    return inSpan(tracing, name, { kind: 'producer', attributes }, ({ traceparent }) => call({ traceparent }));
  }
}

/** Traces job handlers. A job without a trace starts one. */
export function traceJobHandlers(handlers: JobHandlers, tracing: Tracing): JobHandlers {
  return wrapHandlers(handlers, (handle, job) => (payload, context) => {
    const attributes = { ...attributesOfJob(payload), 'cistern.job.class': context.class };
    return inSpan(tracing, `job ${job}`, { kind: 'consumer', attributes, parent: context.traceparent }, () =>
      handle(payload, context),
    );
  });
}

function attributesOfJob(payload: JobPayload<JobName>): SpanAttributes {
  const { upstream, repository, digest, tag } = payload as Readonly<Record<string, string | undefined>>;
  return { 'cistern.upstream': upstream, 'cistern.repository': repository, 'cistern.reference': digest ?? tag };
}

/**
 * Traces the fills that followers on other nodes read from this worker, as parts of the followers' traces. The request
 * is not authenticated at this point, but this is harmless: only the id of its trace is used, and it grants nothing.
 */
export function tracePeer(answer: AnswerPeer, tracing: Tracing): AnswerPeer {
  return (request, response) => {
    const { traceparent } = request.headers;
    if (typeof traceparent !== 'string') return answer(request, response);
    const span = tracing.begin('send fill', { kind: 'server', parent: traceparent });
    response.once('close', () => {
      span.set({ 'http.response.status_code': response.statusCode });
      span.end();
    });
    return span.run(() => answer(request, response));
  };
}

/** Traces calls of an upstream. Requests to the upstream itself contain no trace. */
export function traceUpstream(upstream: Upstream, tracing: Tracing): Upstream {
  const traced = traceCalls(
    upstream,
    ['headManifest', 'getManifest', 'headBlob', 'listTags', 'listReferrers', 'checkAccess'],
    tracing,
    { prefix: 'upstream', kind: 'client', attributesOf: ([repository, content]) => attributesOf(repository, content) },
  );
  return {
    ...traced,
    async getBlob(repository, digest, options) {
      if (tracing.current() === undefined) return upstream.getBlob(repository, digest, options);
      const attributes = attributesOf(repository, digest);
      const blob = await inSpan(tracing, 'upstream getBlob', { kind: 'client', attributes }, () =>
        upstream.getBlob(repository, digest, options),
      );
      return traceBody(blob, tracing, attributes);
    },
  };

  function attributesOf(repository: unknown, content: unknown): SpanAttributes {
    const { digest, tag } = (content ?? {}) as Readonly<Record<string, unknown>>;
    const reference = [content, digest, tag].find((one) => typeof one === 'string');
    return {
      'cistern.upstream': upstream.name,
      'cistern.repository': String(repository),
      'cistern.reference': reference,
    };
  }
}

/**
 * Traces the reading of a body. The span lasts from the first read to the end of the body, or until the reader stops.
 */
function traceBody(blob: UpstreamBlobBody, tracing: Tracing, attributes: SpanAttributes): UpstreamBlobBody {
  async function* read(): AsyncGenerator<Buffer> {
    const span = tracing.begin('upstream body', { kind: 'client', attributes });
    let bytes = 0;
    let failure: unknown;
    try {
      for await (const chunk of blob.body) {
        bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      span.set({ 'cistern.bytes': bytes });
      span.end(failure);
    }
  }
  return { ...blob, body: read() };
}

type Method = (...args: never[]) => unknown;

interface TracedCalls {
  /** Text before the method's name in the names of spans. */
  readonly prefix: string;
  readonly kind: SpanOptions['kind'];
  attributesOf?(args: readonly unknown[]): SpanAttributes;
}

/**
 * Returns `part` with a span for each call of the named methods, which must return promises. A call outside a trace
 * gets no span, because nodes make many calls of their own, for example heartbeats.
 */
function traceCalls<T extends object>(
  part: T,
  names: readonly (keyof T & string)[],
  tracing: Tracing,
  { prefix, kind, attributesOf }: TracedCalls,
): T {
  const traced = names.flatMap((name) => {
    const method = part[name] as Method | undefined;
    if (method === undefined) return [];
    const call = (...args: never[]) => {
      if (tracing.current() === undefined) return method(...args);
      const attributes = attributesOf?.(args) ?? {};
      return inSpan(tracing, `${prefix} ${name}`, { kind, attributes }, async () => method(...args));
    };
    return [[name, call]];
  });
  return { ...part, ...Object.fromEntries(traced) };
}
