// Finds out soon that a registry says nothing any more. An answer may take its time; but while calls wait and not a byte has
// come from it, it is asked for a sign of life, and without that all who wait are sent away: most of them can go elsewhere
// (decision 0021).
import { CacheError, isCacheError } from '@cistern/errors';
import type { UpstreamMetrics } from '@cistern/telemetry';
import { type TransportLayer, nameUpstream, type UpstreamIdentity } from '../transport/transport.ts';

export interface SilenceOptions {
  readonly upstream: UpstreamIdentity;
  readonly metrics: Pick<UpstreamMetrics, 'upstreamReceivedBytes'>;
  /** From the last that was heard to the end of all waiting. Half of it is for the sign of life. */
  readonly silenceMs: number;
  /** Pings the registry, within `deadlineMs`. A timeout or a failed connection means that it is silent; any other answer or error means that it is alive. */
  readonly ping: (deadlineMs: number) => Promise<unknown>;
}

export interface SilenceWatch {
  /** Ends calls that have no answer yet with `upstream-timeout` when the registry has fallen silent. */
  readonly layer: TransportLayer;
  /** Hears answers of the registry, or of where it sends us. */
  readonly listen: TransportLayer;
  /** Counts bytes of a body, and hears them. */
  countBytes(bytes: number): void;
  /** Whether the last that it was asked for was a sign of life, in vain. */
  isSilent(): boolean;
  close(): void;
}

interface Waiting {
  readonly sinceStep: number;
  end(error: CacheError): void;
}

/** Of the patience: a process that stood still has waited for one of them at most. */
const stepsOfPatience = 10;

export function watchSilence({ upstream, metrics, silenceMs, ping }: SilenceOptions): SilenceWatch {
  const labels = { upstream: upstream.name };
  const patienceMs = silenceMs / 2;
  /** In the order of their coming. */
  const waiting = new Set<Waiting>();
  /** While somebody waits. */
  let steps = 0;
  let lastHeardStep = 0;
  let silent = false;
  let isPinging = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function heard(): void {
    lastHeardStep = steps;
    silent = false;
  }

  function step(): void {
    steps += 1;
    const [first] = waiting;
    if (first === undefined || isPinging) return;
    if (steps - Math.max(first.sinceStep, lastHeardStep) > stepsOfPatience) void pingOrEndCalls();
  }

  async function pingOrEndCalls(): Promise<void> {
    isPinging = true;
    const heardBefore = lastHeardStep;
    const answered = await ping(patienceMs).then(
      () => true,
      (error: unknown) => isCacheError(error) && error.kind !== 'upstream-timeout' && !error.isLocal,
    );
    isPinging = false;
    if (answered) heard();
    else if (lastHeardStep === heardBefore) giveUp();
  }

  function giveUp(): void {
    silent = true;
    const seconds = silenceMs / 1000;
    const message = `${nameUpstream(upstream)} has said nothing for ${seconds} s and gives no sign of life.`;
    for (const call of waiting)
      call.end(
        new CacheError('upstream-timeout', message, {
          detail: { upstream: upstream.name },
          retryable: true,
          isLocal: true,
        }),
      );
  }

  function rest(): void {
    clearInterval(timer);
    timer = undefined;
  }

  return {
    layer: (next) => async (request) => {
      const ending = new AbortController();
      const call: Waiting = { sinceStep: steps, end: (error) => ending.abort(error) };
      waiting.add(call);
      if (!closed) timer ??= setInterval(step, patienceMs / stepsOfPatience);
      try {
        // For the body too, which has its own patience: only the caller's signal ends that.
        return await next({ ...request, signal: AbortSignal.any([request.signal, ending.signal]) });
      } finally {
        waiting.delete(call);
        if (waiting.size === 0) rest();
      }
    },
    listen: (next) => async (request) => {
      const response = await next(request);
      heard();
      return response;
    },
    countBytes(bytes) {
      metrics.upstreamReceivedBytes.inc(labels, bytes);
      heard();
    },
    isSilent: () => silent,
    close() {
      closed = true;
      rest();
    },
  };
}
