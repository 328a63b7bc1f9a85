// Calls of an upstream, as parts of traces. That a request has a trace is told to nobody outside.
import { inSpan, type SpanAttributes, type Tracing } from '@cistern/telemetry';
import type { Upstream, UpstreamBlobBody } from '@cistern/upstream';
import { traceCalls } from './trace-calls.ts';

export function traceUpstream(upstream: Upstream, tracing: Tracing): Upstream {
  const traced = traceCalls(
    upstream,
    ['headManifest', 'getManifest', 'headBlob', 'listTags', 'listReferrers', 'checkAccess'],
    tracing,
    { prefix: 'upstream', kind: 'client', attributesOf: ([repository, asked]) => attributesOf(repository, asked) },
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

  function attributesOf(repository: unknown, asked: unknown): SpanAttributes {
    const { digest, tag } = (asked ?? {}) as Readonly<Record<string, unknown>>;
    const reference = [asked, digest, tag].find((one) => typeof one === 'string');
    return {
      'cistern.upstream': upstream.name,
      'cistern.repository': String(repository),
      'cistern.reference': reference,
    };
  }
}

/** From its first byte that is asked for to its end, or to where nobody wants more. */
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
