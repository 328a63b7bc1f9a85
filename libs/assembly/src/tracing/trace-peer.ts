// What followers read of this worker, as parts of their traces.
import type { AnswerPeer } from '@cistern/pull-through';
import type { Tracing } from '@cistern/telemetry';

/** Who asks has proven nothing yet: a trace is no right, and its name is all that is taken. */
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
