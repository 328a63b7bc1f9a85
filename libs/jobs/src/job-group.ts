// Which jobs share slots: a blob may take minutes to fetch, everything else is a request or two.
import type { JobName } from './catalogue.ts';

export type JobGroup = 'blob' | 'short';

export function jobGroup(name: JobName): JobGroup {
  return name === 'fetch-blob' || name === 'prewarm-blobs' ? 'blob' : 'short';
}
