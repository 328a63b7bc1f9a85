// Pushes content to a registry as the distribution specification defines: a blob by POST and PUT, a manifest by PUT.
import { Readable } from 'node:stream';
import type { Body } from '@cistern/fake-upstream';

interface Place {
  readonly registryUrl: string;
  readonly repository: string;
}

/** Rejects unless the registry has accepted the blob. */
export async function pushBlob(blob: Place & { readonly digest: string; readonly body: Body }): Promise<void> {
  const { registryUrl, repository, digest, body } = blob;
  const begun = await fetch(`${registryUrl}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  const location = begun.headers.get('location');
  if (location === null) throw new Error(`an upload returned ${begun.status}`);
  const url = new URL(location, registryUrl);
  url.searchParams.set('digest', digest);
  const stream = Readable.toWeb(Readable.from(body.read(0, body.size), { objectMode: false }));
  const headers = { 'content-length': String(body.size), 'content-type': 'application/octet-stream' };
  // `duplex` is required for a body that is a stream, and unknown to the types.
  const put = { method: 'PUT', headers, body: stream, duplex: 'half' } as unknown as RequestInit;
  await expectCreated(await fetch(url, put));
}

/** Does the same for a manifest. The registry must have everything that it names. */
export async function pushManifest(
  manifest: Place & { readonly reference: string; readonly mediaType: string; readonly bytes: Buffer },
): Promise<void> {
  const { registryUrl, repository, reference, mediaType, bytes } = manifest;
  const url = `${registryUrl}/v2/${repository}/manifests/${reference}`;
  const headers = { 'content-type': mediaType };
  await expectCreated(await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) }));
}

async function expectCreated(answer: Response): Promise<void> {
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`a push returned ${answer.status}: ${text}`);
}
