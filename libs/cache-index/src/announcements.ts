// Announcements wake those who wait for a record to change. They may be lost or doubled: nothing depends on them.

export interface Announcements {
  publish(topic: string): Promise<void>;
  /**
   * Calls `listener` after each message on `topic` and after every reconnect. Resolves once the subscription stands;
   * the returned function ends it. A listener is never called synchronously by `publish`, and one that throws disturbs no
   * other.
   */
  subscribe(topic: string, listener: () => void): Promise<() => void>;
}
