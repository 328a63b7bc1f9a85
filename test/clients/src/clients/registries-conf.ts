// The configuration that podman, buildah and skopeo share.

/**
 * A `registries.conf` for a cache at `cache`, host and port, that speaks plain HTTP: pulls from `mirrored` registries go to
 * it, and references that name the cache itself work too.
 */
export function registriesConf(cache: string, mirrored: readonly string[]): string {
  const mirrors = mirrored.map((registry) =>
    [
      '[[registry]]',
      `location = "${registry}"`,
      '[[registry.mirror]]',
      `location = "${cache}/${registry}"`,
      'insecure = true\n',
    ].join('\n'),
  );
  return [`[[registry]]\nlocation = "${cache}"\ninsecure = true\n`, ...mirrors].join('\n');
}
