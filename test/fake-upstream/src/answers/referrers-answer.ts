// The referrers of a digest (OCI distribution specification, "Listing Referrers").
import { ociTypes } from '../content/media-types.ts';
import type { Repository, StoredManifest } from '../content/content.ts';
import type { Target } from '../target.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import { page } from './page.ts';

interface ManifestDocument {
  readonly subject?: { readonly digest: string };
  readonly artifactType?: string;
  readonly config?: { readonly mediaType: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export function referrersAnswer(repository: Repository, target: Target, maxPerPage: number): Answer {
  const wanted = target.query['artifactType'];
  const referrers = [...repository.manifests.values()]
    .filter((manifest) => parse(manifest).subject?.digest === target.digest)
    .map((manifest) => {
      const { artifactType, config, annotations } = parse(manifest);
      return {
        mediaType: manifest.mediaType,
        digest: manifest.digest,
        size: manifest.bytes.length,
        artifactType: artifactType ?? config?.mediaType,
        annotations,
      };
    })
    .filter(({ artifactType }) => wanted === undefined || artifactType === wanted)
    .sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const { items, link } = page(referrers, ({ digest }) => digest, target, maxPerPage);
  return jsonAnswer(
    { schemaVersion: 2, mediaType: ociTypes.index, manifests: items },
    {
      'content-type': ociTypes.index,
      ...link,
      ...(wanted === undefined ? {} : { 'oci-filters-applied': 'artifactType' }),
    },
  );
}

function parse(manifest: StoredManifest): ManifestDocument {
  try {
    return (JSON.parse(manifest.bytes.toString()) as ManifestDocument | null) ?? {};
  } catch {
    // Tests store manifests that are not JSON on purpose.
    return {};
  }
}
