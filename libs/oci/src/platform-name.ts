// Formats a platform as one string. If clients treat two platforms as the same, their strings are equal. The rules are those of
// containerd (platforms/database.go).
import type { Platform } from './manifest-child.ts';

const wellFormed = /^[\w.-]+(?:\/[\w.-]+){1,2}$/;
const maxLength = 64;

/**
 * Returns `os/architecture` or `os/architecture/variant`. Returns `undefined` for invalid names, and for a platform that cannot
 * run, such as `unknown/unknown`, which attestations have.
 */
export function platformName({ os, architecture, variant }: Platform): string | undefined {
  const name = [os, architecture, normalVariant(architecture, variant)].filter(Boolean).join('/').toLowerCase();
  return name.length <= maxLength && wellFormed.test(name) && os !== 'unknown' ? name : undefined;
}

/** Parses a platform that an operator has typed. Returns `undefined` if it is not valid. */
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
