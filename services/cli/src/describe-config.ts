// What a configuration amounts to, in the few lines that a person wants to see.
import type { Config, ListenAddress } from '@cistern/config';

/** `docker.io (default), quay.io`. */
export function describeUpstreams(upstreams: Config['upstreams']): string {
  return upstreams.map(({ name, isDefault }) => (isDefault ? `${name} (default)` : name)).join(', ');
}

export function describeStorage(storage: Config['storage']): string {
  switch (storage.kind) {
    case 'memory':
      return 'in memory, gone at the end';
    case 'filesystem':
      return storage.rootDirectory;
    case 's3':
      return `bucket ${storage.bucket} at ${storage.endpoint}${storage.rootDirectory && `, below ${storage.rootDirectory}`}`;
    default:
      return storage satisfies never;
  }
}

/** `:5000`, `[::1]:5000`, or the path of a socket. */
function describeAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path;
  const { host = '', port } = address;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Lines of `<label>  <value>`, indented. */
export function describeConfig({ http, storage, upstreams }: Config): string {
  const { address, explicit } = http.debug;
  return columns([
    ['registry', describeAddress(http.address)],
    [
      'metrics, health',
      address === undefined ? 'off' : `${describeAddress(address)}${explicit ? '' : ' (if it is free)'}`,
    ],
    ['data', describeStorage(storage)],
    ...upstreams.map(
      ({ name, url, credentials, isDefault }, at) =>
        [
          at === 0 ? 'upstreams' : '',
          `${name}  ${url}${credentials === undefined ? '' : ` as ${credentials.username}`}${isDefault ? '  (default)' : ''}`,
        ] as const,
    ),
  ]);
}

/** Two columns, the second one aligned. */
export function columns(rows: readonly (readonly [label: string, value: string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join('');
}
