// Which images may be pulled through this cache, by whom and from where.
import type { z } from 'zod';
import { choice, listOf, network, openSection, platformPattern, section, text } from '../values/values.ts';

const rule = openSection('A rule. It fits if all that it names fits.', {
  action: choice('What becomes of a pull that it fits.', ['allow', 'deny']),
  images: listOf(
    'Patterns of `<upstream>/<repository>` or `<upstream>/<repository>:<tag>`, as a shell has them: `*` passes no slash, `**` does. In a rule that denies, `*` passes slashes too.',
    text('For example `docker.io/library/*` or `**:latest`.'),
  ).prefault(['**']),
  users: listOf(
    {
      text: 'Patterns of names as they stand in the log: users by their own, others as `robot:<name>` and `oidc:<issuer>/<sub>`. `*` passes slashes only in a rule that denies.',
      default: 'everybody',
    },
    text('For example `ada` or `robot:ci-*`; who shows nothing is called `anonymous`.'),
  ).optional(),
  networks: listOf(
    { text: 'Where clients come from.', default: 'everywhere' },
    network('Addresses of clients.'),
  ).optional(),
  platforms: listOf(
    { text: 'Patterns of platforms; a variant need not be named.', default: 'all' },
    platformPattern('For example `windows/*` or `linux/amd64`.'),
  ).optional(),
  reason: text({ text: 'What a client is told that is denied.', default: 'only that it may not' }).optional(),
});

export const accessSection = section(
  'Which images may be pulled, for manifests and blobs alike, cached or not. The first rule that fits decides. Rules about tags decide on pulls by tag: what is asked for by digest is allowed where any tag of the repository is. So do rules about platforms on what an index that is cached says the platform of.',
  {
    default: choice('What becomes of pulls that no rule fits.', ['allow', 'deny']).prefault('allow'),
    rules: listOf('The rules, in the order in which they are asked.', rule).prefault([]),
  },
);

export interface AccessConfig {
  readonly fallback: 'allow' | 'deny';
  readonly rules: readonly z.output<typeof rule>[];
}

export function buildAccess({ default: fallback, rules }: z.output<typeof accessSection>): AccessConfig {
  return { fallback, rules };
}
