/** The names under which docker may have put a registry, the one that helpers are asked for first. */
export function dockerServers(host: string): readonly [string, ...string[]] {
  const others = [host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`] as const;
  return host === 'docker.io' || host.endsWith('.docker.io')
    ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', ...others]
    : others;
}
