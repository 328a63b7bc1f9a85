// Adds images, indexes and referrers in the form that clients expect, in one call each.
import { type Descriptor, type Digest, type DigestAlgorithm, digestOf, type Platform } from '@cistern/oci';
import { bytesBody, type SeededBytes, seededBody } from './body.ts';
import type { AddedManifest, Content } from './content.ts';
import { dockerTypes, ociTypes, schema1Type } from './media-types.ts';
import { tarLayer } from './tar-layer.ts';

export interface ImageOptions {
  readonly tag?: string;
  /**
   * Default: one small layer. Seeded bytes become a file in a tar archive, so that clients can unpack the layer. The
   * layer is then about 2 KiB larger than `size`. Other bytes are used as the layer unchanged.
   */
  readonly layers?: readonly (Uint8Array | SeededBytes)[];
  /** Default: `oci`. */
  readonly mediaTypes?: 'oci' | 'docker';
  /** The algorithm for the manifest, the config and the layers. Default: sha256. */
  readonly algorithm?: DigestAlgorithm;
  /** Default: linux/amd64. */
  readonly platform?: Platform;
  /** Gives equal images different digests. */
  readonly seed?: number | string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface AddedImage extends AddedManifest {
  readonly platform: Platform;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface IndexOptions {
  readonly tag?: string;
  readonly images: readonly AddedImage[];
  readonly mediaTypes?: 'oci' | 'docker';
  readonly algorithm?: DigestAlgorithm;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface ReferrerOptions {
  /** The manifest that it refers to. */
  readonly subject: Descriptor;
  readonly artifactType: string;
  readonly payload?: Uint8Array;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Adds a complete image: layers, config and manifest. */
export function addImage(content: Content, repository: string, options: ImageOptions = {}): AddedImage {
  const types = options.mediaTypes === 'docker' ? dockerTypes : ociTypes;
  const { algorithm = 'sha256', platform = { os: 'linux', architecture: 'amd64' }, seed = 0 } = options;
  const layers = (options.layers ?? [{ size: 1000, seed }]).map((layer, position): Descriptor => {
    const body = layer instanceof Uint8Array ? bytesBody(layer) : tarLayer(`layer-${position}.bin`, seededBody(layer));
    const { digest, size } = content.addBody(repository, body, algorithm);
    return { mediaType: types.layer, digest, size };
  });
  const configDocument = {
    ...platform,
    config: { Cmd: ['/layer-0.bin'], Labels: { seed: String(seed) } },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
    history: layers.map(() => ({ created_by: 'fake-upstream' })),
  };
  const config: Descriptor = {
    mediaType: types.config,
    ...content.addBlob(repository, Buffer.from(JSON.stringify(configDocument)), algorithm),
  };
  const { annotations } = options;
  const document = { schemaVersion: 2, mediaType: types.manifest, config, layers, annotations };
  return {
    ...content.addManifest(repository, document, { mediaType: types.manifest, algorithm, ...tagOf(options) }),
    platform,
    config,
    layers,
  };
}

/** Adds an index, or Docker's manifest list, over images of the same repository. */
export function addIndex(content: Content, repository: string, options: IndexOptions): AddedManifest {
  const mediaType = (options.mediaTypes === 'docker' ? dockerTypes : ociTypes).index;
  const manifests = options.images.map((image): Descriptor => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.size,
    platform: image.platform,
  }));
  const document = { schemaVersion: 2, mediaType, manifests, annotations: options.annotations };
  return content.addManifest(repository, document, {
    mediaType,
    ...(options.algorithm === undefined ? {} : { algorithm: options.algorithm }),
    ...tagOf(options),
  });
}

/** Adds a manifest with a subject, such as a signature. The referrers endpoint lists it. */
export function addReferrer(content: Content, repository: string, options: ReferrerOptions): AddedManifest {
  const { artifactType, annotations } = options;
  const { mediaType, digest, size } = options.subject;
  const payload = content.addBlob(repository, options.payload ?? Buffer.from(`payload of ${artifactType}`));
  const document = {
    schemaVersion: 2,
    mediaType: ociTypes.manifest,
    artifactType,
    config: { mediaType: ociTypes.empty, ...content.addBlob(repository, Buffer.from('{}')) },
    layers: [{ mediaType: artifactType, ...payload }],
    subject: { mediaType, digest, size },
    annotations,
  };
  return content.addManifest(repository, document, { mediaType: ociTypes.manifest });
}

/**
 * Adds an image in the signed manifest format from before 2016, which some registries still send for old tags. Its
 * digest covers only the signed part. Its signature is not valid.
 */
export function addSchema1Image(
  content: Content,
  repository: string,
  options: { readonly tag: string },
): AddedManifest & { readonly layers: readonly Digest[] } {
  const layer = content.addBody(repository, tarLayer('layer-0.bin', seededBody({ size: 1000, seed: options.tag })));
  const document = {
    schemaVersion: 1,
    name: repository,
    tag: options.tag,
    architecture: 'amd64',
    fsLayers: [{ blobSum: layer.digest }],
    history: [{ v1Compatibility: JSON.stringify({ id: layer.digest.slice(7), os: 'linux', architecture: 'amd64' }) }],
  };
  const signed = JSON.stringify(document, undefined, 3);
  const tail = '\n}';
  const formatLength = signed.length - tail.length;
  const part = { formatLength, formatTail: Buffer.from(tail).toString('base64url'), time: '2014-08-11T00:00:00Z' };
  const encoded = Buffer.from(JSON.stringify(part)).toString('base64url');
  const signatures = [{ header: { alg: 'ES256' }, signature: 'none', protected: encoded }];
  const bytes = `${signed.slice(0, formatLength)},\n   "signatures": ${JSON.stringify(signatures)}${tail}`;
  const digest = digestOf(Buffer.from(signed));
  return {
    ...content.addManifest(repository, Buffer.from(bytes), { mediaType: schema1Type, tag: options.tag, digest }),
    layers: [layer.digest],
  };
}

function tagOf({ tag }: { readonly tag?: string }): { tag?: string } {
  return tag === undefined ? {} : { tag };
}
