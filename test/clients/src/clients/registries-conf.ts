// The configuration that podman, buildah and skopeo share.

/**
 * Returns a `registries.conf` for a cache at `cache`, host and port, that speaks plain HTTP. Pulls from `mirrored`
 * registries go to it and then to `next`, which has the repositories of all of them. References that name the cache
 * itself work too.
 */
export function registriesConf(cache: string, mirrored: readonly string[], next?: string): string {
  const mirrors = mirrored.flatMap((registry) => [
    `[[registry]]\nlocation = "${registry}"\n`,
    mirror(`${cache}/${registry}`),
    ...(next === undefined ? [] : [mirror(next)]),
  ]);
  return [`[[registry]]\nlocation = "${cache}"\ninsecure = true\n`, ...mirrors].join('\n');
}

function mirror(location: string): string {
  return `[[registry.mirror]]\nlocation = "${location}"\ninsecure = true\n`;
}
