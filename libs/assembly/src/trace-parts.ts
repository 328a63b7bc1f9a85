// The parts of a node as parts of traces: index, store, queue, upstreams and the fills that followers read.
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

/** The span of a blob that is read covers the opening alone. */
export function traceStore(store: BlobStore, tracing: Tracing): BlobStore {
  const methods = ['stat', 'open', 'put', 'remove', 'readObject', 'writeObject', 'presign'] as const;
  return traceCalls(store, methods, tracing, {
    prefix: 'store',
    kind: 'client',
    attributesOf: ([name]): SpanAttributes => ({ 'cistern.object': typeof name === 'string' ? name : undefined }),
  });
}

/**
 * Jobs, from their request to the worker that runs them: the trace goes with the job. Where several request the same job, it
 * is in the trace of the first.
 */
export function traceQueue(queue: JobQueue, tracing: Tracing): JobQueue {
  return {
    ...queue,
    add: (name, payload, options) =>
      trace(`add ${name}`, payload, (traceparent) => queue.add(name, payload, { ...options, ...traceparent })),
    run: (name, payload, options) =>
      trace(`ask ${name}`, payload, (traceparent) => queue.run(name, payload, { ...options, ...traceparent })),
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

/** A job without a trace begins one. */
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
 * The fills that followers read of this worker, as parts of their traces. A follower has proven nothing yet: a trace gives no
 * right, and only its name is taken.
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

/** Calls of an upstream. No request that leaves the cache says that it has a trace. */
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

/** The span lasts from the first read to the end of the body, or to where the reader stops. */
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
  /** Before each method's name. */
  readonly prefix: string;
  readonly kind: SpanOptions['kind'];
  attributesOf?(args: readonly unknown[]): SpanAttributes;
}

/**
 * `part` with a span for each call of its methods of these names, which return promises. A call without a trace around it gets
 * no span: a node makes such calls by itself, heartbeats for example.
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
