// Compares parts of configurations, including their secrets, which JSON and `util.inspect` hide.
import { createHmac } from 'node:crypto';
import type { Config } from '../build-config.ts';
import type { Secret } from '../values/secrets.ts';

/** Returns true if both parts of a configuration have the same values and secrets. */
export function isSameSetting(one: unknown, other: unknown): boolean {
  return one === other || canonicalText(one) === canonicalText(other);
}

/**
 * Returns a fingerprint of the settings that must be equal on all nodes of a cluster. It does not depend on sections of one
 * role, or on what a node has of its environment. Without the cluster's secret, a fingerprint reveals nothing about them.
 * Returns `undefined` for a node without a cluster.
 */
export function fingerprintOf({ cluster, storage, ...config }: Config): string | undefined {
  if (cluster === undefined) return undefined;
  const { upstreams, auth, access, limits, storageLimits, storageForgetAfterMs, storageRedirect } = config;
  const common = [
    upstreams.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    [auth, access, limits],
    [commonStorage(storage), storageLimits, storageForgetAfterMs, storageRedirect],
  ];
  return createHmac('sha256', `cistern configuration ${cluster.secret.reveal()}`)
    .update(canonicalText(common))
    .digest('hex')
    .slice(0, 16);
}

/** Leaves out the settings of one node: its keys, its directory for the index, and the path of a mounted store. */
function commonStorage(storage: Config['storage']): object {
  if (storage.kind !== 's3') return { kind: storage.kind };
  const { indexDirectory: _index, accessKey: _accessKey, secretKey: _secretKey, ...common } = storage;
  return common;
}

/** Returns a text that is equal for equal values, whatever the order of their keys. It contains secrets in clear text. */
function canonicalText(value: unknown): string {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'string' ? JSON.stringify(value) : String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (isSecret(value)) return `secret ${JSON.stringify(value.reveal())}`;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  const keys = entries.toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `{${keys.map(([key, one]) => `${JSON.stringify(key)}:${canonicalText(one)}`).join()}}`;
}

function isSecret(value: object): value is Secret {
  return 'reveal' in value && typeof value.reveal === 'function';
}
