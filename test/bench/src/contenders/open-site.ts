// Opens the servers that all contenders of a run share.
import { type S3, startS3 } from '@cistern/test-servers';
import { startUpstream } from '../upstream/start-upstream.ts';
import type { Site } from './contender.ts';

/** `ends` closes the started servers. */
export async function openSite(ends: AsyncDisposableStack): Promise<Site> {
  const upstream = ends.adopt(await startUpstream(), (started) => started.close());
  let s3: Promise<S3> | undefined;
  const startShared = async () => ends.adopt(await startS3(), (started) => started.close());
  return { upstream, s3: () => (s3 ??= startShared()) };
}
