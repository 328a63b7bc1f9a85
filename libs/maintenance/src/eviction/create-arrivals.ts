// How much has come into the store lately, from what it holds and what was removed from it.

export interface Arrivals {
  /** The store holds so many bytes now. */
  note(bytes: number): void;
  noteRemoved(bytes: number): void;
  /** Bytes, within the last `withinMs`. */
  lately(): number;
}

export function createArrivals(withinMs: number, now: () => number): Arrivals {
  const noted: { readonly atMs: number; readonly bytes: number }[] = [];
  let before: number | undefined;
  let removed = 0;
  return {
    note(bytes) {
      const arrived = Math.max(0, bytes - (before ?? bytes) + removed);
      before = bytes;
      removed = 0;
      noted.push({ atMs: now(), bytes: arrived });
    },
    noteRemoved(bytes) {
      removed += bytes;
    },
    lately() {
      while (noted[0] !== undefined && now() - noted[0].atMs > withinMs) noted.shift();
      return noted.reduce((sum, { bytes }) => sum + bytes, 0);
    },
  };
}
