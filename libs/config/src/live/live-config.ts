// The configuration of a running node. A reload replaces a part of it. First it opens all parts that depend on the new
// settings. Then it switches them in one turn of the event loop, so that no code sees a mixture.
import { type Closers, openAll, StartError, untilAborted } from '@cistern/runtime';
import type { Config } from '../build-config.ts';
import { isSameSetting } from './canonical-text.ts';
import type { FixedConfig, ReloadableConfig } from './changed-settings.ts';

/**
 * The configuration as the parts of a node get it. Settings that a reload replaces are only accessible through `live`,
 * so that no part can keep an old value.
 */
export type NodeConfig = FixedConfig & { readonly live: LiveSettings };

export interface LiveSettings {
  /** Returns the value that `create` makes of the current settings. `create` runs once for each configuration. */
  derive<T>(create: (settings: ReloadableConfig) => T): () => T;
  /**
   * Opens a part of a node. A reload opens the part again if the selected settings have changed, and then closes the
   * replaced one. `open` rejects if the settings cannot be used; a reload is then rejected as a whole. `closers` closes
   * the part that is open at the end.
   */
  open<S, T>(part: LivePart<S, T>, closers: Closers): Promise<() => T>;
  /** Calls `apply` now, and at each reload in the moment of the switch. `apply` must not throw. */
  follow(apply: (settings: ReloadableConfig) => void): void;
}

export interface LivePart<S, T> {
  /** Names the part in errors, for example `access checks`. */
  readonly name: string;
  select(settings: ReloadableConfig): S;
  open(selected: S, closers: Closers): Promise<T>;
}

export interface LiveConfig {
  readonly config: NodeConfig;
  /**
   * Replaces the settings of `config`. Rejects, with all settings unchanged, if a part cannot be opened with them. The
   * parts that were replaced close later, when their work has ended. If `signal` aborts before the switch, rejects with
   * its reason, or with a StartError that names the part that still opens. That part closes when it has opened.
   */
  apply(next: ReloadableConfig, signal?: AbortSignal): Promise<void>;
  /** Waits until all replaced parts are closed. The parts that are open now belong to their closers. */
  close(): Promise<void>;
}

interface Prepared {
  /** Switches to the new settings. */
  commit(): void;
  /** Closes what was replaced, or, without `commit`, what was opened. */
  close(): Promise<void>;
}

type Prepare = (next: ReloadableConfig, signal?: AbortSignal) => Prepared | Promise<Prepared | undefined>;

const nothing = async () => {};

export function openLiveConfig(config: Config): LiveConfig {
  const { upstreams, auth, access, limits, settings: _settings, warnings: _warnings, ...fixed } = config;
  let current: ReloadableConfig = { upstreams, auth, access, limits };
  const parts: Prepare[] = [];
  const closing = new Set<Promise<void>>();
  function closeLater(close: Promise<void>): void {
    const ending = close.catch(() => {}).finally(() => closing.delete(ending));
    closing.add(ending);
  }

  const live: LiveSettings = {
    derive(create) {
      let value = create(current);
      parts.push((next) => {
        const created = create(next);
        return { commit: () => void (value = created), close: nothing };
      });
      return () => value;
    },
    async open(part, closers) {
      let opened = await openSelected(part, current);
      closers.add(() => opened.close());
      parts.push(async (next, signal) => {
        if (isSameSetting(part.select(next), opened.selected)) return undefined;
        const opening = openSelected(part, next);
        let unused = await untilAborted(opening, signal).catch((error: unknown) => {
          if (signal?.aborted !== true) throw error;
          closeLater(opening.then((late) => late.close()));
          throw new StartError(`Opening ${part.name} did not end: ${(signal.reason as Error).message}`);
        });
        return {
          commit: () => void ([opened, unused] = [unused, opened]),
          close: () => unused.close(),
        };
      });
      return () => opened.value;
    },
    follow(apply) {
      apply(current);
      parts.push((next) => ({ commit: () => apply(next), close: nothing }));
    },
  };
  return {
    config: { ...fixed, live },
    async apply(next, signal) {
      const prepared: Prepared[] = [];
      try {
        for (const prepare of parts) {
          signal?.throwIfAborted();
          const one = await prepare(next, signal);
          if (one !== undefined) prepared.push(one);
        }
        signal?.throwIfAborted();
        for (const { commit } of prepared) commit();
        current = next;
      } finally {
        for (const { close } of prepared) closeLater(close());
      }
    },
    close: async () => void (await Promise.all(closing)),
  };
}

async function openSelected<S, T>(
  { select, open }: Pick<LivePart<S, T>, 'select' | 'open'>,
  settings: ReloadableConfig,
) {
  const selected = select(settings);
  return openAll(async (closers) => ({
    selected,
    value: await open(selected, closers),
    close: () => closers.closeAll(),
  }));
}
