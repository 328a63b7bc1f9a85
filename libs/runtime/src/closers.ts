// Closes opened parts in reverse order.

export interface Closers {
  add(close: () => Promise<void>): void;
  /** Adds the closing of `part`, and returns it. */
  opened<T extends { close(): Promise<void> }>(part: T): T;
  /** Closes everything added, the last first. */
  closeAll(): Promise<void>;
}

function createClosers(): Closers {
  const closers: (() => Promise<void>)[] = [];
  return {
    add: (close) => void closers.push(close),
    opened(part) {
      closers.push(() => part.close());
      return part;
    },
    async closeAll() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

/** Resolves as `open` does. If `open` rejects, closes everything added and rejects with its error. */
export async function openAll<T>(open: (closers: Closers) => Promise<T>): Promise<T> {
  const closers = createClosers();
  try {
    return await open(closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}
