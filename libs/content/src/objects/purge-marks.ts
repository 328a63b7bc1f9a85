// What was purged of late. A worker that asked upstream before a purge, and would write after it, finds out by the marks, and
// asks again: so nothing comes back that upstream may have replaced meanwhile.
import { randomUUID } from 'node:crypto';
import { type CacheIndex, type TagKey, repositoryPath } from '@cistern/index';

type Values = Pick<CacheIndex, 'values'>;

/** No question to an upstream, with all that it brings, takes as long. */
const keepMs = 3_600_000;

/** To be called before the first of what is purged goes. */
export async function markTagPurged({ values }: Values, key: TagKey): Promise<void> {
  await values.put(nameOfTag(key), randomUUID(), keepMs);
}

export async function markUpstreamPurged({ values }: Values, upstream: string): Promise<void> {
  await values.put(nameOfUpstream(upstream), randomUUID(), keepMs);
}

/** Another text than before: the tag was purged in between. */
export async function readPurgeMarks({ values }: Values, key: TagKey): Promise<string> {
  const marks = await Promise.all([values.get(nameOfTag(key)), values.get(nameOfUpstream(key.upstream))]);
  return marks.join(' ');
}

function nameOfTag(key: TagKey): string {
  return `purged/tag/${repositoryPath(key)}:${key.tag}`;
}

function nameOfUpstream(upstream: string): string {
  return `purged/upstream/${upstream}`;
}
