// Finds the files that a configuration names and that a node reads.
import type { Config } from '@cistern/config';

export interface NamedFile {
  /** The path of the setting, such as `http.tls.certificate`. */
  readonly setting: string;
  readonly path: string;
  readonly kind: FileKind;
}

export type FileKind = 'certificates' | 'key' | 'secret' | 'users' | 'json';

/** By the last part of a setting. Settings of files that a node writes, and of directories, are not listed here. */
export const fileKinds: Readonly<Record<string, FileKind>> = {
  certificate: 'certificates',
  clientcertificate: 'certificates',
  ca: 'certificates',
  clientcas: 'certificates',
  rootcas: 'certificates',
  rootcertbundle: 'certificates',
  key: 'key',
  clientkey: 'key',
  passwordfile: 'secret',
  sentinelpasswordfile: 'secret',
  secretfile: 'secret',
  secretkeyfile: 'secret',
  eabhmackeyfile: 'secret',
  dockerconfig: 'json',
  jwks: 'json',
  'htpasswd.path': 'users',
};

/** Returns the files in the order of the configuration. */
export function namedFiles({ settings }: Pick<Config, 'settings'>): readonly NamedFile[] {
  return filesIn(settings, '', '');
}

function filesIn(value: unknown, setting: string, key: string): readonly NamedFile[] {
  // Users choose these keys: names of headers, of claims, and of fields in the log.
  if (setting === 'http.headers' || setting === 'log.fields' || setting.endsWith('.when')) return [];
  if (typeof value === 'string') {
    const kind = Object.entries(fileKinds).find(([name]) => key === name || setting.endsWith(`.${name}`))?.[1];
    return kind === undefined || value === '' ? [] : [{ setting, path: value, kind }];
  }
  if (Array.isArray(value)) return value.flatMap((item, at) => filesIn(item, `${setting}[${at}]`, key));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) =>
    filesIn(child, setting === '' ? name : `${setting}.${name}`, name),
  );
}
