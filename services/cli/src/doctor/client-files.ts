// Checks whether the configuration files of a client on this machine send the client's pulls to the cache.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseToml } from 'smol-toml';
import type { CacheAddress } from '@cistern/client-config';

interface ClientFacts {
  readonly cache: CacheAddress;
  readonly upstream: string;
  /** The directory on this machine that the client sees as `/`. */
  readonly root: string;
}

/** Returns the message of a passed check. Throws an error that names the fault. */
type ExamineClient = (facts: ClientFacts) => string;

/** The check of each client, by the client's name. */
export const clientFiles: Readonly<Record<string, ExamineClient>> = { docker, containerd };

export function examineFiles(client: string, facts: ClientFacts): { readonly isOk: boolean; readonly message: string } {
  try {
    return { isOk: true, message: clientFiles[client]?.(facts) ?? '' };
  } catch (error) {
    const print = `"cistern client-config ${client} --url ${facts.cache.url}" prints the right files`;
    return { isOk: false, message: `${(error as Error).message}; ${print}` };
  }
}

/** Follows dockerd's reference, "Daemon configuration file". */
function docker({ cache, upstream, root }: ClientFacts): string {
  const path = '/etc/docker/daemon.json';
  if (upstream !== 'docker.io')
    return `${path} is only for Docker Hub; images of ${upstream} need the name of the cache in their reference`;
  const text = readAny(root, [path]).text;
  const { 'registry-mirrors': mirrors = [] } = parsed(path, text, JSON.parse) as { 'registry-mirrors'?: string[] };
  requireAddress(cache, mirrors, `registry-mirrors in ${path}`);
  return `${path} lists the cache in registry-mirrors`;
}

/** Follows containerd's "Registry Configuration": the directory of a registry has precedence over `_default`. */
function containerd({ cache, upstream, root }: ClientFacts): string {
  const { path, text } = readAny(
    root,
    [upstream, '_default'].map((name) => `/etc/containerd/certs.d/${name}/hosts.toml`),
  );
  const { host: hosts = {} } = parsed(path, text, parseToml) as { host?: Record<string, { capabilities?: string[] }> };
  const address = requireAddress(cache, Object.keys(hosts), `[host] in ${path}`);
  const { capabilities } = hosts[address] ?? {};
  const missing = ['pull', 'resolve'].filter((name) => capabilities?.includes(name) === false);
  if (missing.length > 0) throw new Error(`the capabilities of the cache in ${path} lack ${missing.join(' and ')}`);
  return `${path} points to the cache`;
}

function readAny(root: string, paths: readonly string[]): { readonly path: string; readonly text: string } {
  for (const path of paths)
    try {
      return { path, text: readFileSync(join(root, path), 'utf8') };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  throw new Error(`there is no ${paths.join(' and no ')}`);
}

function parsed(path: string, text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new Error(`${path} cannot be read: ${(error as Error).message.split('\n')[0]}`, { cause: error });
  }
}

/** Returns the entry of `addresses` with the cache's origin and any path. Throws an error if there is no such entry. */
function requireAddress({ url }: CacheAddress, addresses: readonly string[], where: string): string {
  const { origin, hostname } = new URL(url);
  const find = (fits: (address: URL) => boolean) =>
    addresses.find((address) => URL.canParse(address) && fits(new URL(address)));
  const found = find((address) => address.origin === origin);
  if (found !== undefined) return found;
  const similar = find((address) => address.hostname === hostname);
  throw new Error(
    similar === undefined
      ? `${where} does not name ${url}`
      : `${where} has ${similar}, and the cache is ${url}; scheme and port must be the same`,
  );
}
