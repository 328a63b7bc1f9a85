// The section `auth.token` of registry:2: an external token server.
import type { z } from 'zod';
import { filePath, flag, listOf, openSection, text } from '../values/values.ts';
import type { SectionContext } from './context.ts';

export const tokenSection = openSection(
  'An external token server, whose access tokens this cache verifies. It excludes the other keys of `auth`.',
  {
    realm: text('The URL of the token server.'),
    service: text('The name of this cache in tokens (`aud`).'),
    issuer: text('The issuer of tokens (`iss`).'),
    rootcertbundle: filePath(
      'PEM file of the CA certificates or certificates that sign tokens. It is read again when it changes.',
    ).optional(),
    jwks: filePath('A file with the set of keys that sign tokens. It is read again when it changes.').optional(),
    signingalgorithms: listOf('The allowed signing algorithms.', text('An algorithm of JWA.')).prefault([
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
      'Sends clients to `autoredirectpath` at the host of their request, instead of `realm`.',
    ).prefault('false'),
    autoredirectpath: text('The path of the token server.').prefault('/auth/token'),
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
    context.report(`${path}.rootcertbundle`, 'is required (or jwks), because without a key no token can be verified');
  if (jwks !== undefined && /^https?:/i.test(jwks))
    context.report(
      `${path}.jwks`,
      'must be a file, because the nodes that verify tokens have no access to other servers',
    );
  for (const algorithm of signingalgorithms)
    if (!asymmetric.test(algorithm))
      context.report(
        `${path}.signingalgorithms`,
        `"${algorithm}" is not supported: use for example EdDSA, ES256, RS256 or PS256`,
      );
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
