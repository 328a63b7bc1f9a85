// The parts of a configuration that a running node can replace, and the names of settings that differ between two
// configurations.
import type { Config, Settings } from '../build-config.ts';
import { isSameSetting } from './canonical-text.ts';

/** The parts of the configuration that a reload replaces. */
export type ReloadableConfig = Pick<Config, 'upstreams' | 'auth' | 'access' | 'limits'>;

/** The parts of the configuration that a node keeps until it ends. */
export type FixedConfig = Omit<Config, keyof ReloadableConfig | 'settings' | 'warnings'>;

/**
 * Returns the keys of the settings that differ, for example `http.addr`. A section of which only the content differs, for
 * example of a file, is returned as `storage`.
 */
export function changedSettings(one: Config, other: Config): readonly string[] {
  const sections = Object.keys(one.settings) as (keyof Settings)[];
  const keys = sections.flatMap((section) => {
    const [before, after] = [one.settings[section], other.settings[section]];
    return isEmpty(before) && isEmpty(after) ? [] : differingKeys(section, before, after);
  });
  const changed = new Set(keys.map((key) => key.split('.', 1)[0]));
  // The sections `proxy` and `offline` are parts of the upstreams.
  if (changed.has('proxy') || changed.has('offline')) changed.add('upstreams');
  const byContent = sectionsByContent.filter((key) => !changed.has(key) && !isSameSetting(one[key], other[key]));
  return [...keys, ...byContent];
}

/** Sections with contents of files. `prewarm` has the upstreams of its images. */
const sectionsByContent = [
  'http',
  'auth',
  'storage',
  'redis',
  'cluster',
  'upstreams',
  'worker',
  'prewarm',
  'webhooks',
  'admin',
] as const;

function differingKeys(path: string, one: unknown, other: unknown): readonly string[] {
  if (isSameSetting(one, other)) return [];
  if (!isMap(one) || !isMap(other)) return [path];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) => differingKeys(`${path}.${key}`, one[key], other[key]));
}

/** An empty section means the same as a missing one. */
function isEmpty(value: unknown): boolean {
  return value === undefined || (isMap(value) && Object.keys(value).length === 0);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !('reveal' in value);
}
