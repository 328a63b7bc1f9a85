// The keys of the settings that a running node applies when it reads its configuration again.

/** The settings that a reload applies, by their keys in the file. `proxy` and `offline` are parts of the upstreams. */
const reloadableKeys: readonly string[] = [
  'upstreams',
  'proxy',
  'offline',
  'auth',
  'access',
  'limits',
  'log.level',
  'loglevel',
];

/** Returns true if a reload applies the setting at this path, for example `upstreams.<name>.url`. */
export function isReloadable(path: string): boolean {
  return reloadableKeys.some((key) => path === key || path.startsWith(`${key}.`));
}
