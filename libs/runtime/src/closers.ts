// Closes opened parts in reverse order.

export interface Closers {
  add(close: () => Promise<void>): void;
  /** Adds a call of `part.close`, and returns `part`. */
  opened<T extends { close(): Promise<void> }>(part: T): T;
  /** Calls all added functions, the last one first. */
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

/** Resolves as `open` does. If `open` rejects, closes all parts that it added, and rejects with the error of `open`. */
export async function openAll<T>(open: (closers: Closers) => Promise<T>): Promise<T> {
  const closers = createClosers();
  try {
    return await open(closers);
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}
