// Counts the pulls of tags that succeeded for clients, for comparison with the counts of the index.
import type { SimulatedNodes } from '../../nodes/start-nodes.ts';
import { type SimulatedRepository, tagKeyOf } from './image-catalog.ts';
import type { ClientRequest } from './judge-exchange.ts';

export interface PullCounts {
  add(request: ClientRequest): void;
  /** Checks that each pull counts exactly once. Only valid for runs without failures and purges. */
  judge(
    nodes: SimulatedNodes,
    repositories: readonly SimulatedRepository[],
    problem: (text: string) => void,
  ): Promise<void>;
}

export function createPullCounts(): PullCounts {
  const counts = new Map<string, number>();
  return {
    add({ repository, reference }) {
      const name = nameOf(repository, reference);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
    async judge({ shared }, repositories, problem) {
      for (const repository of repositories)
        for (const tag of repository.tags.keys()) {
          const record = await shared.index.tags.get(tagKeyOf(repository, tag));
          const counted = record?.pulls ?? 0;
          const seen = counts.get(nameOf(repository, tag)) ?? 0;
          if (counted !== seen)
            problem(`${nameOf(repository, tag)} was pulled ${seen} times, and the index counts ${counted}`);
        }
    },
  };
}

function nameOf({ fullName }: SimulatedRepository, tag: string): string {
  return `${fullName}:${tag}`;
}
