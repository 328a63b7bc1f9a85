// A binary heap of planned events, ordered by time and then by the order of planning.

export interface HeapItem {
  readonly atMs: number;
  readonly order: number;
}

export interface EventHeap<T extends HeapItem> {
  readonly size: number;
  push(item: T): void;
  peek(): T | undefined;
  pop(): T | undefined;
  /** Returns all items in no particular order. */
  items(): readonly T[];
}

export function createEventHeap<T extends HeapItem>(): EventHeap<T> {
  const items: T[] = [];
  const isBefore = (one: T, other: T) => one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);

  const rise = (from: number) => {
    const item = items[from]!;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  };

  const sink = (item: T) => {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child += 1;
      if (!isBefore(items[child]!, item)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = item;
  };

  return {
    get size() {
      return items.length;
    },
    push(item) {
      items.push(item);
      rise(items.length - 1);
    },
    peek: () => items[0],
    pop() {
      const first = items[0];
      const last = items.pop();
      if (last !== undefined && items.length > 0) sink(last);
      return first;
    },
    items: () => items,
  };
}
