/** What the distribution specification says a registry should accept, and what upstreams do accept. */
export const maxManifestBytes = 4 * 1024 * 1024;
