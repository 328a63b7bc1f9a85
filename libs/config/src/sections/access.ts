// The section `access`: rules for the images that clients may pull, by user and network.
import type { z } from 'zod';
import { choice, listOf, network, openSection, platformPattern, section, text } from '../values/values.ts';

const rule = openSection('A rule. It matches a pull if all of its keys match.', {
  action: choice('Allows or denies the pulls that match the rule.', ['allow', 'deny']),
  images: listOf(
    'Shell patterns of `<upstream>/<repository>` or `<upstream>/<repository>:<tag>`. `**` matches slashes. `*` matches slashes only in a rule that denies.',
    text('For example `docker.io/library/*` or `**:latest`.'),
  ).prefault(['**']),
  users: listOf(
    {
      text: 'Shell patterns of names, as in the log: the name of a user, `robot:<name>` or `oidc:<issuer>/<sub>`. `*` matches slashes only in a rule that denies.',
      default: 'all clients',
    },
    text('For example `ada` or `robot:ci-*`; a client without credentials is `anonymous`.'),
  ).optional(),
  networks: listOf(
    { text: 'Networks of clients.', default: 'all networks' },
    network('Addresses of clients.'),
  ).optional(),
  platforms: listOf(
    { text: 'Patterns of platforms. The variant is optional.', default: 'all platforms' },
    platformPattern('For example `windows/*` or `linux/amd64`.'),
  ).optional(),
  reason: text({ text: 'The message for a denied client.', default: 'a message without a reason' }).optional(),
});

export const accessSection = section(
  'The images that clients may pull. Rules apply to manifests and blobs, cached or not. The first matching rule decides. Rules with tags apply to pulls by tag. A pull by digest is allowed if any tag of the repository is allowed. Rules with platforms apply to manifests whose platform is known from a cached index.',
  {
    default: choice('Allows or denies pulls that match no rule.', ['allow', 'deny']).prefault('allow'),
    rules: listOf('The rules, in the order of evaluation.', rule).prefault([]),
  },
);

export interface AccessConfig {
  readonly fallback: 'allow' | 'deny';
  readonly rules: readonly z.output<typeof rule>[];
}

export function buildAccess({ default: fallback, rules }: z.output<typeof accessSection>): AccessConfig {
  return { fallback, rules };
}
