// What a node has logged at some level: `error` is for a person to look at, so that most tests want none of it.
import type { ClusterNode } from '@cistern/test-servers';

/** The lines of a level, each behind the name of its node. What is no line of the log, such as a crash, counts as `error`. */
export function loggedAt(
  level: 'warn' | 'error' | 'fatal',
  nodes: readonly Pick<ClusterNode, 'name' | 'log'>[],
): string[] {
  return nodes.flatMap(({ name, log }) =>
    log()
      .filter((line) => line !== '' && levelOf(line) === level)
      .map((line) => `${name}: ${line}`),
  );
}

function levelOf(line: string): string {
  try {
    return String((JSON.parse(line) as { readonly level?: unknown }).level);
  } catch {
    return 'error';
  }
}
