// kaniko, crane, oras: by arguments and by the name of the cache.
import type { ClientSetup } from './client-setup.ts';

export const kaniko: ClientSetup = ({ cache: { host, isPlain, authority }, upstreams, dotlessPathOf }) => {
  const maps = upstreams.flatMap((name) => {
    const path = dotlessPathOf(name);
    return path === undefined ? [] : [`${name === 'docker.io' ? 'index.docker.io' : name}=${path}`];
  });
  const missing = upstreams.filter((name) => dotlessPathOf(name) === undefined);
  const reached = [
    ...(isPlain ? [`--insecure-registry=${host}`] : []),
    ...(authority === undefined ? [] : [`--registry-certificate=${host}=${authority}`]),
  ];
  const notes = [
    'Add these arguments to those that kaniko has.',
    ...(missing.length === 0
      ? []
      : [
          `kaniko needs a name without a dot for ${missing.join(', ')}: set upstreams.<name>.aliases, for example [${missing[0]?.replaceAll(/[.:]/g, '-')}].`,
        ]),
    `crane and oras pull by name: ${host}/<upstream>/<repository>.`,
  ];
  return [
    {
      path: undefined,
      content: ['/kaniko/executor', ...mapArguments(maps), ...reached, '…'].join(' \\\n  '),
      note: notes.join(' '),
    },
  ];
};

function mapArguments(maps: readonly string[]): readonly string[] {
  return maps.length === 0 ? [] : [`--registry-map='${maps.join(';')}'`];
}
