// Serves one request: records it, sends its response, and records the outcome.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type AnswerDependencies, answerRequest } from './answer-request.ts';
import { answer } from './answers/answer.ts';
import { sendAnswer } from './faults/send-answer.ts';
import type { RecorderInput } from './recorder.ts';
import { type Host, parseTarget } from './target.ts';

export interface ServeDependencies extends AnswerDependencies {
  readonly recorder: RecorderInput;
  /** Called with an error of the fake upstream itself. The client gets a 500. */
  failed(error: unknown): void;
}

/** Resolves when the connection of the response, or its part of one, has ended. */
export async function serveRequest(
  given: ServeDependencies,
  host: Host,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { recorder } = given;
  const { method = 'GET', url = '/' } = request;
  const target = parseTarget(given.content, host, method, url);
  const record = recorder.begin(target, request.headers);
  const gone = new AbortController();
  const closed = Promise.withResolvers<void>();
  response.once('close', () => {
    record.outcome = response.writableFinished ? 'finished' : 'aborted';
    // real-time: records when the response ended
    record.endedAtMs = Date.now();
    gone.abort(new Error('the client has disconnected'));
    recorder.changed();
    closed.resolve();
  });
  const send = (answered: ReturnType<typeof answerRequest>) =>
    sendAnswer({
      response,
      method,
      ...answered,
      signal: gone.signal,
      headersSent(status) {
        record.status = status;
        recorder.changed();
      },
      sent(bytes) {
        record.bytesSent += bytes;
        recorder.changed();
      },
    });
  try {
    const form = new URLSearchParams(method === 'POST' ? await text(request) : '');
    const scopes = new URL(`http://fake-upstream${url}`).searchParams.getAll('scope');
    scopes.push(...form.getAll('scope'));
    await send(answerRequest(given, { target, headers: request.headers, form, scopes }));
  } catch (error) {
    // A failed write reports the end of the connection before the connection itself does.
    if (gone.signal.aborted || response.destroyed || request.socket.destroyed) return;
    given.failed(error);
    if (response.headersSent) response.destroy();
    else await send({ answer: answer(500, {}, String(error)), fault: {} }).catch(() => response.destroy());
  } finally {
    await closed.promise;
  }
}
