// registry:2's `auth.token`: an external token server.
import type { z } from 'zod';
import { filePath, flag, listOf, openSection, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';

export const tokenSection = openSection(
  'An external token server gives out access tokens, and this cache verifies them. Not together with the other ways to come in.',
  {
    realm: text('Where clients get tokens: the URL of the token server.'),
    service: text('What this cache is called in tokens (`aud`).'),
    issuer: text('Who has signed them (`iss`).'),
    rootcertbundle: filePath(
      'PEM file of the authorities, or certificates, by which they are signed. Read again when it changes.',
    ).optional(),
    jwks: filePath('A file with the set of keys by which they are signed. Read again when it changes.').optional(),
    signingalgorithms: listOf('By which they may be signed.', text('One of JWA.')).prefault([
      'EdDSA',
      'ES256',
      'ES384',
      'ES512',
      'RS256',
      'RS384',
      'RS512',
      'PS256',
      'PS384',
      'PS512',
    ]),
    autoredirect: flag(
      'Sends clients to `autoredirectpath` at the host that they have asked, in place of `realm`.',
    ).prefault('false'),
    autoredirectpath: text('A path.').prefault('/auth/token'),
  },
).optional();

export interface ExternalTokensConfig {
  readonly realm: { readonly url: string } | { readonly path: string };
  readonly service: string;
  readonly issuer: string;
  readonly rootCertBundle: string | undefined;
  readonly jwks: string | undefined;
  readonly algorithms: readonly string[];
}

const asymmetric = /^(?:EdDSA|[EPR]S(?:256|384|512))$/;

export function buildToken(
  token: NonNullable<z.output<typeof tokenSection>>,
  context: SectionContext,
): ExternalTokensConfig {
  const path = 'auth.token';
  const { realm, service, issuer, rootcertbundle, jwks, signingalgorithms, autoredirect, autoredirectpath } = token;
  if (rootcertbundle === undefined && jwks === undefined)
    context.report(`${path}.rootcertbundle`, 'is required, or jwks: without a key no token can be verified');
  if (jwks !== undefined && /^https?:/i.test(jwks))
    context.report(`${path}.jwks`, 'must be a file: the nodes that verify tokens reach nothing outside');
  for (const algorithm of signingalgorithms)
    if (!asymmetric.test(algorithm))
      context.report(`${path}.signingalgorithms`, `"${algorithm}" is not supported: use EdDSA, ES256, RS256 or PS256`);
  if (!autoredirectpath.startsWith('/')) context.report(`${path}.autoredirectpath`, 'must begin with a slash');
  return {
    realm: autoredirect ? { path: autoredirectpath } : { url: realm },
    service,
    issuer,
    rootCertBundle: rootcertbundle,
    jwks,
    algorithms: signingalgorithms,
  };
}
