// kaniko, crane, oras: by arguments and by the name of the cache.
import { type ClientSetup, namedByPath } from './client-setup.ts';

export const kaniko: ClientSetup = ({ cache: { host, isPlain, authority }, upstreams }) => {
  const maps = namedByPath(upstreams).map(
    (name) => `${name === 'docker.io' ? 'index.docker.io' : name}=${host}/${name}`,
  );
  const reached = [
    ...(isPlain ? [`--insecure-registry=${host}`] : []),
    ...(authority === undefined ? [] : [`--registry-certificate=${host}=${authority}`]),
  ];
  return [
    {
      path: undefined,
      content: ['/kaniko/executor', `--registry-map='${maps.join(';')}'`, ...reached, '…'].join(' \\\n  '),
      note: `Add these arguments to those that kaniko has. crane and oras pull by name: ${host}/<upstream>/<repository>.`,
    },
  ];
};
