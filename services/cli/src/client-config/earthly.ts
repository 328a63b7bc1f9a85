// Earthly, whose BuildKit takes its configuration from Earthly's.
import { buildkitLines } from './buildkit.ts';
import type { ClientSetup } from './client-setup.ts';

export const earthly: ClientSetup = (facts) => [
  {
    path: '~/.earthly/config.yml',
    content: ['global:', '  buildkit_additional_config: |', ...buildkitLines(facts).map((line) => `    ${line}`)].join(
      '\n',
    ),
    note: 'Then earthly bootstrap. Its BuildKit runs in a container: localhost is not this machine there, and an authority’s file has to be in it.',
  },
];
