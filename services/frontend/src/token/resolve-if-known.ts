import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { ResolvedName, UpstreamTable } from '@cistern/upstream';

/** As `UpstreamTable.resolve`; `undefined` for a name that no upstream has, or that is none. */
export function resolveIfKnown(
  upstreams: UpstreamTable,
  name: Parameters<UpstreamTable['resolve']>[0],
): ResolvedName | undefined {
  try {
    return upstreams.resolve(name);
  } catch (error) {
    if (error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid')) return undefined;
    throw error;
  }
}
