/** The upstream that a registry:2 cache's files in the store came from. */
export function adoptedUpstream(
  upstreams: readonly { readonly name: string; readonly isDefault: boolean }[],
): string | undefined {
  return upstreams.find(({ isDefault }) => isDefault)?.name;
}
