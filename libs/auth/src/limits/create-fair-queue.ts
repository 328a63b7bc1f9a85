// Bounds expensive work for clients, in total and per client network. Networks take turns, so a network with many
// requests delays only itself.
import { networkOf } from '../policy/networks.ts';

export interface FairQueueOptions {
  /** Tasks that run at the same time, in total and per network. */
  readonly atOnce: number;
  readonly atOncePerNetwork: number;
  /** Tasks that may wait, in total and per network. */
  readonly maxWaiting: number;
  readonly maxWaitingPerNetwork: number;
  /** Creates the error for a rejected task. */
  readonly refusal: () => Error;
}

export interface FairQueue {
  /**
   * Runs the task when it is its network's turn. Rejects as the task does, or with the refusal if too many tasks wait.
   */
  run<T>(clientIp: string, task: () => Promise<T>): Promise<T>;
}

interface Waiting {
  begin(): void;
  refuse(): void;
}

interface NetworkQueue {
  readonly waiting: Waiting[];
  running: number;
}

export function createFairQueue(options: FairQueueOptions): FairQueue {
  const { atOnce, atOncePerNetwork, maxWaiting, maxWaitingPerNetwork, refusal } = options;
  /** Queues of networks, in the order of their turns. */
  const queues = new Map<string, NetworkQueue>();
  let running = 0;
  let waiting = 0;

  /**
   * Reports whether a network's queue may grow. If all places are taken, rejects the last task of the longest queue,
   * but only if that queue has at least two tasks more.
   */
  function hasPlace({ waiting: { length } }: NetworkQueue): boolean {
    if (length >= maxWaitingPerNetwork) return false;
    if (waiting < maxWaiting) return true;
    const longest = [...queues.values()].reduce((one, other) =>
      other.waiting.length > one.waiting.length ? other : one,
    );
    if (longest.waiting.length <= length + 1) return false;
    waiting -= 1;
    longest.waiting.pop()?.refuse();
    return true;
  }

  function beginNext(): void {
    for (const [network, queue] of queues) {
      if (running >= atOnce) return;
      if (queue.running >= atOncePerNetwork) continue;
      const next = queue.waiting.shift();
      if (next === undefined) continue;
      waiting -= 1;
      running += 1;
      queue.running += 1;
      // Moves the network behind all others. The iteration visits it again at the end.
      queues.delete(network);
      queues.set(network, queue);
      next.begin();
    }
  }

  function end(network: string, queue: NetworkQueue): void {
    running -= 1;
    queue.running -= 1;
    if (queue.running === 0 && queue.waiting.length === 0) queues.delete(network);
    beginNext();
  }

  return {
    run: (clientIp, task) =>
      new Promise((resolve, reject) => {
        const network = networkOf(clientIp);
        const queue = queues.get(network) ?? { waiting: [], running: 0 };
        const mayBegin = running < atOnce && queue.running < atOncePerNetwork && queue.waiting.length === 0;
        if (!mayBegin && !hasPlace(queue)) return reject(refusal());
        queues.set(network, queue);
        waiting += 1;
        queue.waiting.push({
          begin: () =>
            void task()
              .then(resolve, reject)
              .finally(() => end(network, queue)),
          refuse: () => reject(refusal()),
        });
        beginNext();
      }),
  };
}
