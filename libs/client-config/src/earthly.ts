// Earthly, whose BuildKit takes its configuration from Earthly's.
import { buildkitLines } from './buildkit.ts';
import type { ClientSetup } from './client-setup.ts';

/** In the container of Earthly's BuildKit. */
const authorityInside = '/etc/config/cistern.crt';

export const earthly: ClientSetup = (facts) => {
  const { cache } = facts;
  const { authority } = cache;
  const inside = { ...cache, authority: authority === undefined ? undefined : authorityInside };
  return [
    {
      path: '~/.earthly/config.yml',
      content: [
        'global:',
        ...(authority === undefined
          ? []
          : [`  buildkit_additional_args: ["-v", ${JSON.stringify(`${authority}:${authorityInside}`)}]`]),
        '  buildkit_additional_config: |',
        ...buildkitLines({ ...facts, cache: inside }).map((line) => `    ${line}`),
      ].join('\n'),
      note: 'Then earthly bootstrap. Its BuildKit runs in a container: localhost is not this machine there.',
    },
  ];
};
