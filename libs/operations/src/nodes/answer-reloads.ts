// Reloads the configuration of this node when an operator requests it, and keeps the answer for the next report.
import { type CacheIndex, keepSubscribed } from '@cistern/index';
import type { NodeReload } from '@cistern/runtime/process';
import type { ConfigurationReport, ReloadReport } from './node-report.ts';

/** The topic on which operators request all nodes to reload. A message is the id of a request. */
export const reloadTopic = 'reload';

/** The number of kept answers. Operators may send several requests at the same time. */
const maxAnswers = 3;

export interface ReloadAnswers {
  /** Returns the part of the node's report about its configuration. */
  describe(): ConfigurationReport;
  close(): void;
}

/** `report` sends a report of the node immediately. */
export function answerReloads(
  reload: NodeReload,
  pubsub: CacheIndex['pubsub'],
  report: () => Promise<void>,
): ReloadAnswers {
  const answers: ReloadReport[] = [];
  const seen = new Set<string>();
  const subscription = keepSubscribed(pubsub, reloadTopic, (id) => {
    // The request is repeated, because a message may be lost.
    if (id !== undefined && !seen.has(id)) void answer(id);
  });

  async function answer(id: string): Promise<void> {
    seen.add(id);
    answers.push({ id, ...(await reload.run()) });
    for (const { id: old } of answers.splice(0, answers.length - maxAnswers)) seen.delete(old);
    await report();
  }

  return {
    describe: () => ({
      fingerprint: reload.fingerprint(),
      needsRestart: reload.needsRestart(),
      reloads: [...answers],
    }),
    close: subscription.close,
  };
}
