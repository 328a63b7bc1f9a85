// A platform as one string. What is one platform to clients is one string here, by containerd's rules (platforms/database.go).
import type { Platform } from './manifest-child.ts';

const wellFormed = /^[\w.-]+(?:\/[\w.-]+){1,2}$/;
const maxLength = 64;

/**
 * `os/architecture` or `os/architecture/variant`. `undefined` for what nobody runs, such as the `unknown/unknown` of
 * attestations, and for names that are none.
 */
export function platformName({ os, architecture, variant }: Platform): string | undefined {
  const name = [os, architecture, normalVariant(architecture, variant)].filter(Boolean).join('/').toLowerCase();
  return name.length <= maxLength && wellFormed.test(name) && os !== 'unknown' ? name : undefined;
}

/** The reverse, for what people write: `undefined` if it is no platform. */
export function parsePlatformName(text: string): string | undefined {
  const [os = '', architecture = '', variant, ...rest] = text.split('/');
  if (rest.length > 0 || os === '' || architecture === '') return undefined;
  return platformName({ os, architecture, ...(variant !== undefined && { variant }) });
}

function normalVariant(architecture: string, variant: string | undefined): string | undefined {
  if (architecture === 'arm') return variant ?? 'v7';
  const isImplied = (architecture === 'arm64' && variant === 'v8') || (architecture === 'amd64' && variant === 'v1');
  return isImplied ? undefined : variant;
}
