// Finds out soon that a registry says nothing any more. An answer may take its time; but while calls wait and not a byte has
// come from it, it is asked for a sign of life, and without that all who wait are sent away: most of them can go elsewhere
// (decision 0021).
import { CacheError, isCacheError } from '@cistern/errors';
import type { TransportLayer } from '../transport/transport.ts';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';

export interface SilenceOptions {
  readonly upstream: UpstreamIdentity;
  /** From the last that was heard to the end of all waiting. Half of it is for the sign of life. */
  readonly silenceMs: number;
  /** Asks for a sign of life, for so long: no answer is `upstream-timeout`, and everything else is one. */
  readonly ping: (deadlineMs: number) => Promise<unknown>;
}

export interface SilenceWatch {
  /** Ends calls that have no answer yet with `upstream-timeout` when the registry has fallen silent. */
  readonly layer: TransportLayer;
  /** Something has come from the registry, or from where it sends us. */
  heard(): void;
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

export function watchSilence({ upstream, silenceMs, ping }: SilenceOptions): SilenceWatch {
  const patienceMs = silenceMs / 2;
  /** In the order of their coming. */
  const waiting = new Set<Waiting>();
  /** While somebody waits. */
  let steps = 0;
  let lastHeardStep = 0;
  let silent = false;
  let isAsking = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function heard(): void {
    lastHeardStep = steps;
    silent = false;
  }

  function step(): void {
    steps += 1;
    const [first] = waiting;
    if (first === undefined || isAsking) return;
    if (steps - Math.max(first.sinceStep, lastHeardStep) > stepsOfPatience) void askForLife();
  }

  async function askForLife(): Promise<void> {
    isAsking = true;
    const heardBefore = lastHeardStep;
    const answered = await ping(patienceMs).then(
      () => true,
      (error: unknown) => !isCacheError(error, 'upstream-timeout'),
    );
    isAsking = false;
    if (answered) heard();
    else if (lastHeardStep === heardBefore) giveUp();
  }

  function giveUp(): void {
    silent = true;
    const seconds = silenceMs / 1000;
    const message = `${nameUpstream(upstream)} has said nothing for ${seconds} s and gives no sign of life.`;
    for (const call of waiting)
      call.end(new CacheError('upstream-timeout', message, { detail: { upstream: upstream.name }, retryable: true }));
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
    heard,
    isSilent: () => silent,
    close() {
      closed = true;
      rest();
    },
  };
}
