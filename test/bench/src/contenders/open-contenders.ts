// Keeps the running contenders. Each starts at its first use, and ends when no workload needs it any more.
import type { Contender, ContenderKind, Site } from './contender.ts';

export interface Contenders {
  get(kind: ContenderKind): Promise<Contender>;
  /** Stops all others. */
  keepOnly(kinds: readonly ContenderKind[]): Promise<void>;
  close(): Promise<void>;
}

/** The caller closes the contenders. */
export function openContenders(site: Site, print: (text: string) => void): Contenders {
  const running = new Map<ContenderKind, Contender>();
  const keepOnly = async (kinds: readonly ContenderKind[]) => {
    for (const [kind, contender] of running) {
      if (kinds.includes(kind)) continue;
      running.delete(kind);
      await contender.close();
    }
  };
  return {
    async get(kind) {
      const known = running.get(kind);
      if (known !== undefined) return known;
      print(`starting ${kind.name}`);
      const started = await kind.start(site);
      running.set(kind, started);
      return started;
    },
    keepOnly,
    close: () => keepOnly([]),
  };
}
