// Who may pull at all.
import { validateHeaderValue } from 'node:http';
import type { z } from 'zod';
import { filePath, openSection, section, text } from '../values.ts';
import type { SectionContext } from './context.ts';

export const authSection = section(
  { text: 'Who may pull. One of the ways below.', default: 'everybody, whatever they show' },
  {
    htpasswd: openSection('Users with passwords, which the file holds hashed by bcrypt (`htpasswd -B`).', {
      realm: text('What clients show to people who are asked for a password.'),
      path: filePath('The file. It is read again when it changes.'),
    }).optional(),
  },
);

interface HtpasswdConfig {
  readonly realm: string;
  readonly path: string;
}

export interface AuthConfig {
  readonly htpasswd: HtpasswdConfig | undefined;
}

export function buildAuth({ htpasswd }: z.output<typeof authSection>, context: SectionContext): AuthConfig {
  if (htpasswd !== undefined) checkRealm(context, 'auth.htpasswd.realm', htpasswd.realm);
  return { htpasswd };
}

function checkRealm(context: SectionContext, path: string, realm: string): void {
  if (realm.trim() === '') return context.report(path, 'is required: a few words for people');
  try {
    validateHeaderValue('www-authenticate', realm);
  } catch {
    context.report(path, 'has characters that a header cannot hold');
  }
}
