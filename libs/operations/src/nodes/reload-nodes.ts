// Requests all nodes to reload their configurations, and collects their answers from the reports of the nodes.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';
import type { ReloadAnswer } from '../api/nodes.ts';
import { reloadTopic } from './answer-reloads.ts';
import { type NodeReport, parseReport } from './node-report.ts';
import { byRoleAndName } from './view-nodes.ts';

type NodeAnswer = ReloadAnswer['nodes'][number];

const pollEveryMs = 100;
/** The request is repeated, because a message may be lost. A node answers each request once. */
const repeatEveryMs = 1_000;
const timeoutMs = 10_000;

/**
 * Makes all nodes that report now read their configurations again. Resolves when all of them have answered, or after ten
 * seconds. A node that ends meanwhile is omitted. Rejects with `index-unavailable`.
 */
export async function reloadNodes({ nodes, pubsub }: Pick<CacheIndex, 'nodes' | 'pubsub'>): Promise<ReloadAnswer> {
  const id = randomUUID();
  const read = async () => (await nodes.read()).nodes.flatMap(({ report }) => parseReport(report) ?? []);
  const asked = new Set((await read()).map((node) => node.id));
  const sinceMs = performance.now();
  for (let requests = 0; ;) {
    const elapsedMs = performance.now() - sinceMs;
    if (elapsedMs >= requests * repeatEveryMs) {
      requests += 1;
      await pubsub.publish(reloadTopic, id);
    }
    await delay(pollEveryMs);
    const current = (await read()).filter((node) => asked.has(node.id)).toSorted(byRoleAndName);
    const answers = current.map((node) => answerOf(node, id));
    if (answers.every(({ result }) => result !== 'no answer') || elapsedMs >= timeoutMs) return { nodes: answers };
  }
}

function answerOf({ name, role, configuration }: NodeReport, id: string): NodeAnswer {
  const { result, reason = null, needsRestart = [] } = configuration?.reloads.find((one) => one.id === id) ?? {};
  return { name, role, result: result ?? 'no answer', reason, needsRestart };
}
