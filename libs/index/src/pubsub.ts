// Publish and subscribe: messages wake callers that wait for a record to change. A message may be lost or doubled: nothing depends
// on one.

export interface PubSub {
  /** `message` is short, at most a few hundred bytes; an empty one is none. */
  publish(topic: string, message?: string): Promise<void>;
  /**
   * Calls `listener` after each message on `topic`, and with `undefined` after every reconnect or whenever messages may have
   * been missed. Resolves once the subscription stands; the returned function ends it. A listener is never called
   * synchronously by `publish`, and one that throws disturbs no other.
   */
  subscribe(topic: string, listener: (message: string | undefined) => void): Promise<() => void>;
}
