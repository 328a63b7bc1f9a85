// A platform as one string. Platforms that clients treat as the same have the same string, by containerd's rules
// (platforms/database.go).
import type { Platform } from './manifest-child.ts';

const wellFormed = /^[\w.-]+(?:\/[\w.-]+){1,2}$/;
const maxLength = 64;

/**
 * Returns `os/architecture` or `os/architecture/variant`. Returns `undefined` for a platform that does not run, such as the
 * `unknown/unknown` of attestations, and for invalid names.
 */
export function platformName({ os, architecture, variant }: Platform): string | undefined {
  const name = [os, architecture, normalVariant(architecture, variant)].filter(Boolean).join('/').toLowerCase();
  return name.length <= maxLength && wellFormed.test(name) && os !== 'unknown' ? name : undefined;
}

/** Parses a platform that an operator wrote. Returns `undefined` if it is not one. */
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
