// The facts of a run that decide which responses are right.
import type { SimulatedRepository } from './image-catalog.ts';
import type { ClientRequest, AccessRequest } from './judge-exchange.ts';

export interface ScenarioFacts {
  readonly problem: (text: string) => void;
  /** True if nothing fails in this run. Then each request of a client that has the right must succeed. */
  readonly isCalm: boolean;
  /** Reports whether the request must succeed despite the faults of this run. */
  mustServe(request: Pick<ClientRequest, 'repository' | 'reference'>): boolean;
  /**
   * Returns the longest time that the caller may have to wait for a status. `Infinity` means that the status can be
   * delayed without limit.
   */
  patienceMs(request: ClientRequest): number;
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  /** The longest time between the upstream's response for a tag and its record. */
  readonly confirmingMs: number;
  readonly repositories: readonly SimulatedRepository[];
  /** Reports whether the caller may receive the content that the repository has under this reference. */
  mayRead(request: AccessRequest): boolean;
  /** Reports whether the cache may refuse existing content to the caller. */
  mayBeRefused(request: ClientRequest): boolean;
  /**
   * Reports whether the blob can be damaged in the store. Its bytes are then wrong unless they are hashed before they
   * are sent.
   */
  mayBeDamaged(request: ClientRequest, bytes: Buffer): boolean;
  /**
   * True if the upstream sends wrong bytes of blobs in this run. A part of a blob is served as it arrives, so its bytes
   * can be wrong.
   */
  readonly receivesWrongBytes: boolean;
  /** Called when a tag was resolved for a client. */
  onNamed(request: ClientRequest): void;
  /** Called when content was served, whole or in part. */
  onServed(request: ClientRequest, digest: string): void;
}
