// Opens a cache that serves TLS, the files of its certificate, and an upstream with one image.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddedImage } from '@cistern/fake-upstream';
import { makeAuthority, type TestAuthority } from '@cistern/tls/testing/make-authority';
import { cacheOf, openCistern, openDirectory, openUpstream, type Owner } from '../src/open-stage.ts';
import type { Cache } from '../src/start-cache.ts';

export interface TlsStage {
  readonly cistern: Cache;
  readonly image: AddedImage;
  readonly authority: TestAuthority;
  /** The path of a file with the configuration of the cache, for other commands. */
  readonly configFile: string;
  /** The TLS options with the CA certificate that a client must trust. */
  readonly trust: { readonly ca: string };
  /** Replaces the certificate with a new certificate for these names and 127.0.0.1. */
  replaceCertificate(names: readonly string[]): Promise<void>;
}

export interface TlsStageOptions {
  /** Fields of `http.tls`, in addition to certificate and key. */
  readonly tls?: Readonly<Record<string, unknown>>;
  /** The text in PEM of the file that `clientcas` names. Unset means that `clientcas` is not set. */
  readonly clientAuthority?: string;
  /** The size of the image's layer in bytes. */
  readonly layerBytes?: number;
}

/** Opens the stage. The upstream has `library/app:latest` with one layer. */
export async function openTlsStage(
  owner: Owner,
  { tls, clientAuthority, layerBytes = 500_000 }: TlsStageOptions = {},
): Promise<TlsStage> {
  const directory = await openDirectory(owner);
  const upstream = await openUpstream(owner);
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: layerBytes, seed: 'a layer' }] });
  const authority = await makeAuthority();
  const file = (name: string) => join(directory, name);
  const replaceCertificate = async (names: readonly string[]) => {
    const { certificate, key } = await authority.issue(['IP:127.0.0.1', ...names]);
    await writeFile(file('server.crt'), certificate);
    await writeFile(file('server.key'), key);
  };
  await replaceCertificate(['DNS:first.test']);
  await writeFile(file('client-ca.crt'), clientAuthority ?? '');
  const clients = clientAuthority === undefined ? {} : { clientcas: [file('client-ca.crt')] };
  const section = { certificate: file('server.crt'), key: file('server.key'), ...clients, ...tls };
  const config = { ...cacheOf(upstream), http: { tls: section } };
  const cistern = await openCistern(owner, { config });
  const configFile = file('config.json');
  await writeFile(
    configFile,
    JSON.stringify({ ...config, http: { tls: section, debug: { addr: new URL(cistern.metricsUrl).host } } }),
  );
  return { cistern, image, authority, configFile, trust: { ca: authority.certificate }, replaceCertificate };
}
