// Reads the configuration of a running node again and applies it. The new configuration is validated as a whole first. If it
// is invalid, the node keeps the running one.
import {
  changedSettings,
  type Config,
  ConfigError,
  fingerprintOf,
  isReloadable,
  type LiveConfig,
} from '@cistern/config';
import { endsWithin, StartError } from '@cistern/runtime';
import type { NodeReload, ReloadOutcome } from '@cistern/runtime/process';
import { type Logger, redactText } from '@cistern/telemetry';
import { CommandError } from '../terminal/command-error.ts';

/** The reason is part of the report of the node, which must stay small. The report is in the index, so the reason is redacted. */
const maxReasonLength = 2000;
/** A reload that hangs, for example at a store that does not respond, must not block later ones. */
const applyWithinMs = 30_000;
/** Parts that hang must not delay the shutdown. */
const closeWithinMs = 2_000;

export interface ReloadOptions {
  /** The configuration with which the node starts. */
  readonly config: Config;
  readonly live: LiveConfig;
  /** Reads and checks the configuration. Throws as `readConfig`. */
  readonly read: () => Config;
  readonly log: Logger;
}

export interface Reload extends NodeReload {
  /** Allows reloads. Earlier calls of `run` wait until then, because the parts of the node are still being opened. */
  start(): void;
  /** Rejects further reloads and the running one. Waits at most two seconds until replaced parts are closed. */
  close(): Promise<void>;
}

export function createReload({ config: started, live, read, log }: ReloadOptions): Reload {
  /** The configuration that was last applied, as it was read. */
  let applied = started;
  let fingerprint = fingerprintOf(started);
  let needsRestart: readonly string[] = [];
  const closing = new AbortController();
  const ready = Promise.withResolvers<void>();
  let last: Promise<unknown> = ready.promise;
  let waiting: Promise<ReloadOutcome> | undefined;

  async function runOnce(): Promise<ReloadOutcome> {
    if (closing.signal.aborted) return { result: 'rejected', reason: 'The node is shutting down.', needsRestart };
    try {
      const next = read();
      const changed = changedSettings(applied, next).filter(isReloadable);
      if (changed.length > 0) await apply(next, changed);
      else log.info('configuration read again, without a change to apply');
      needsRestart = changedSettings(started, next).filter((key) => !isReloadable(key));
      if (needsRestart.length > 0) log.warn({ keys: needsRestart }, 'configuration change needs a restart');
      return { result: changed.length > 0 ? 'applied' : 'unchanged', needsRestart };
    } catch (error) {
      const { message } = error as Error;
      const isExplained = [ConfigError, StartError, CommandError].some((kind) => error instanceof kind);
      log.error(isExplained ? { reason: message } : { err: error }, 'configuration rejected, keeping the running one');
      return { result: 'rejected', reason: redactText(message).slice(0, maxReasonLength), needsRestart };
    }
  }

  async function apply(next: Config, changed: readonly string[]): Promise<void> {
    await applyInTime(next);
    const { upstreams, auth, access, limits } = next;
    log.level = next.log.level;
    fingerprint = fingerprintOf({ ...started, upstreams, auth, access, limits });
    applied = next;
    for (const { path, message } of next.warnings) log.warn({ key: path, warning: message }, 'configuration warning');
    log.info({ keys: changed }, 'configuration reloaded');
  }

  /** Rejects, with all settings unchanged, after the time limit and when the node shuts down. */
  async function applyInTime(next: Config): Promise<void> {
    const late = new AbortController();
    const fail = () => late.abort(new StartError(`It took longer than ${applyWithinMs / 1000} seconds.`));
    const timer = setTimeout(fail, applyWithinMs);
    try {
      await live.apply(next, AbortSignal.any([closing.signal, late.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    run() {
      // A call that arrives during a reload reads the file once more, because the file may have changed since.
      waiting ??= last.then(() => {
        waiting = undefined;
        const outcome = runOnce();
        last = outcome;
        return outcome;
      });
      return waiting;
    },
    fingerprint: () => fingerprint,
    needsRestart: () => needsRestart,
    start: ready.resolve,
    async close() {
      closing.abort(new StartError('The node is shutting down.'));
      ready.resolve();
      await endsWithin(
        last.then(() => live.close()),
        closeWithinMs,
      );
    },
  };
}
