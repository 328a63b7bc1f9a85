// Replaces `lru-cache` with the same class and fewer entries. A run needs few, and allocating 100,000 takes longer than
// a run.
import { LRUCache as OwnCache } from 'lru-cache';

const most = 200;

export class LRUCache<K extends object, V extends object, C> extends OwnCache<K, V, C> {
  constructor(options: OwnCache.Options<K, V, C>) {
    super(options.max === undefined ? options : { ...options, max: Math.min(options.max, most) });
  }
}
