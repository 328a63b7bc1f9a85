// The blobs that the manifests of a repository name, even if its upstream does not have them.
import type { SimulatedRepository } from './image-catalog.ts';

export interface Claim {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

interface Manifest {
  readonly config?: Claim;
  readonly layers?: readonly Claim[];
}

export function claimsOf({ manifests }: SimulatedRepository): Claim[] {
  return [...manifests.values()].flatMap((bytes) => {
    const { config, layers = [] } = JSON.parse(bytes.toString()) as Manifest;
    return config === undefined ? layers : [config, ...layers];
  });
}
