// The accounts for pulls from an upstream: a user name with a password, docker's `config.json`, or a helper program.
import type { z } from 'zod';
import type { Secret } from '../values/secrets.ts';
import { filePath, helperName, openSection, registryUrl, secret, text } from '../values/values.ts';
import { chooseSecret, readNamedFile, type SectionContext } from './context.ts';

export const credentialEntry = openSection('One account.', {
  username: text('The account to pull with.').optional(),
  password: secret('The password or token of the account.').optional(),
  passwordfile: filePath('A file with the password. It may change at any time.').optional(),
  dockerconfig: filePath(
    "docker's `config.json`, with its credential helpers, instead of a user name and a password. It may change at any time.",
  ).optional(),
  helper: helperName(
    'A credential helper instead of a user name and a password: `ecr-login` runs `docker-credential-ecr-login`.',
  ).optional(),
  alternate: registryUrl({
    text: 'The alternate of these credentials. They are sent to no other server.',
    default: 'the upstream itself',
  }).optional(),
});

export type CredentialEntry = z.output<typeof credentialEntry>;

export type CredentialConfig = {
  /** The account's name in metrics and logs. */
  readonly name: string;
  /** The key of the setting to correct if the upstream rejects the account. */
  readonly setting: string;
  /** The URL of the alternate of these credentials. `undefined` means the upstream itself. */
  readonly alternate: string | undefined;
} & (
  | { readonly kind: 'password'; readonly username: string; readonly password: Secret }
  | { readonly kind: 'password-file'; readonly username: string; readonly path: string }
  | { readonly kind: 'docker-config'; readonly path: string }
  | {
      readonly kind: 'helper';
      /** The name or path of the helper program. */
      readonly program: string;
      /** How long the helper's output is used. `undefined` means the default of five minutes. */
      readonly keepMs: number | undefined;
    }
);

/**
 * Returns `undefined` if the entry sets no account, or after a problem was reported. `path` is the path of the entry in
 * the file.
 */
export function buildCredential(
  name: string,
  entry: CredentialEntry,
  path: string,
  context: SectionContext,
): CredentialConfig | undefined {
  const { username, password, passwordfile, dockerconfig, helper, alternate } = entry;
  // The account of the upstream itself has no section of its own.
  const setting = path.includes('.credentials.') ? path : `${path}.username`;
  const common = { name, setting, alternate };
  const others = Object.entries({ dockerconfig, helper }).filter(([, value]) => value !== undefined);
  const hasPassword = username !== undefined || password !== undefined || passwordfile !== undefined;
  if (others.length > 1 || (others.length === 1 && hasPassword)) {
    context.report(path, 'must have exactly one of username (with a password), dockerconfig and helper');
    return undefined;
  }
  if (helper !== undefined)
    return { ...common, kind: 'helper', program: `docker-credential-${helper}`, keepMs: undefined };
  if (dockerconfig !== undefined) {
    const found = readNamedFile(context, `${path}.dockerconfig`, dockerconfig);
    return found === undefined ? undefined : { ...common, kind: 'docker-config', path: dockerconfig };
  }
  return buildPassword(common, entry, path, context);
}

function buildPassword(
  common: Pick<CredentialConfig, 'name' | 'setting' | 'alternate'>,
  { username, password: value, passwordfile: file }: CredentialEntry,
  path: string,
  context: SectionContext,
): CredentialConfig | undefined {
  // A password file is read again later. It is read here too, so that its problems are reported at startup.
  const password = chooseSecret(context, `${path}.password`, { value, file });
  if (username === undefined || username === '') {
    if (password !== undefined && password.reveal() !== '')
      context.report(`${path}.username`, 'is required together with a password');
    return undefined;
  }
  if (file !== undefined) return password && { ...common, kind: 'password-file', username, path: file };
  if (password === undefined) context.report(`${path}.password`, 'is required together with username');
  return password && { ...common, kind: 'password', username, password };
}
