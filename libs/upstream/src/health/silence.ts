// Detects quickly that a registry has fallen silent. A slow answer is allowed. If calls wait and no byte arrives, the
// registry is pinged. If the ping is not answered, all waiting calls end, because most of them can use a fallback
// (decision 0021).
import { CacheError, isCacheError } from '@cistern/errors';
import type { UpstreamMetrics } from '@cistern/telemetry';
import { type TransportLayer, nameUpstream, type UpstreamIdentity } from '../transport/transport.ts';

export interface SilenceOptions {
  readonly upstream: UpstreamIdentity;
  readonly metrics: Pick<UpstreamMetrics, 'upstreamReceivedBytes'>;
  /** The time from the last received byte to the end of all waiting calls. The ping takes half of it. */
  readonly silenceMs: number;
  /**
   * Pings the registry within `deadlineMs`. A timeout or a failed connection means that it is silent. Any other answer
   * or error means that it is alive.
   */
  readonly ping: (deadlineMs: number) => Promise<unknown>;
}

export interface SilenceWatch {
  /** When the registry has fallen silent, ends the waiting calls with `upstream-timeout`. */
  readonly layer: TransportLayer;
  /** Records answers of the registry, or of a server behind a redirect. */
  readonly listen: TransportLayer;
  /** Counts the bytes of a body and records that they arrived. */
  countBytes(bytes: number): void;
  /** Returns true if a ping has failed and the registry has sent nothing after it. */
  isSilent(): boolean;
  close(): void;
}

interface Waiting {
  readonly sinceStep: number;
  end(error: CacheError): void;
}

/**
 * The number of timer steps before a ping. Steps are counted instead of time, because a process that was blocked counts
 * only one step for the blocked time.
 */
const stepsBeforePing = 10;

export function watchSilence({ upstream, metrics, silenceMs, ping }: SilenceOptions): SilenceWatch {
  const labels = { upstream: upstream.name };
  const pingAfterMs = silenceMs / 2;
  /** The waiting calls, the oldest first. */
  const waiting = new Set<Waiting>();
  /** Timer steps. They advance only while a call waits. */
  let steps = 0;
  let lastAnswerStep = 0;
  let silent = false;
  let isPinging = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function recordAnswer(): void {
    lastAnswerStep = steps;
    silent = false;
  }

  function step(): void {
    steps += 1;
    const [first] = waiting;
    if (first === undefined || isPinging) return;
    if (steps - Math.max(first.sinceStep, lastAnswerStep) > stepsBeforePing) void pingOrEndCalls();
  }

  async function pingOrEndCalls(): Promise<void> {
    isPinging = true;
    const answerBefore = lastAnswerStep;
    const answered = await ping(pingAfterMs).then(
      () => true,
      (error: unknown) => isCacheError(error) && error.kind !== 'upstream-timeout' && !error.isLocal,
    );
    isPinging = false;
    if (answered) recordAnswer();
    else if (lastAnswerStep === answerBefore) endCalls();
  }

  function endCalls(): void {
    silent = true;
    const seconds = silenceMs / 1000;
    const message = `${nameUpstream(upstream)} sent nothing for ${seconds} s and did not answer a ping.`;
    for (const call of waiting)
      call.end(
        new CacheError('upstream-timeout', message, {
          detail: { upstream: upstream.name, host: upstream.url.host },
          retryable: true,
          isLocal: true,
        }),
      );
  }

  function stopTimer(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    layer: (next) => async (request) => {
      const ending = new AbortController();
      const call: Waiting = { sinceStep: steps, end: (error) => ending.abort(error) };
      waiting.add(call);
      if (!closed) timer ??= setInterval(step, pingAfterMs / stepsBeforePing);
      try {
        // The combined signal covers the body too. But this call no longer waits then, so only the caller's signal or
        // the idle timeout ends the body.
        return await next({ ...request, signal: AbortSignal.any([request.signal, ending.signal]) });
      } finally {
        waiting.delete(call);
        if (waiting.size === 0) stopTimer();
      }
    },
    listen: (next) => async (request) => {
      const response = await next(request);
      recordAnswer();
      return response;
    },
    countBytes(bytes) {
      metrics.upstreamReceivedBytes.inc(labels, bytes);
      recordAnswer();
    },
    isSilent: () => silent,
    close() {
      closed = true;
      stopTimer();
    },
  };
}
