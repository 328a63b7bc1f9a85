// The facts of a run that decide which responses are right.
import type { SimulatedRepository } from './image-catalog.ts';
import type { ClientRequest, AccessRequest } from './judge-exchange.ts';

export interface ScenarioFacts {
  readonly problem: (text: string) => void;
  /** Nothing fails in this run, so each request of a client with the right must succeed. */
  readonly isCalm: boolean;
  /** Whether the request must succeed despite the faults of this run. */
  mustServe(request: Pick<ClientRequest, 'repository' | 'reference'>): boolean;
  /** The longest time that the caller may wait for a status. `Infinity` means that something may delay it. */
  patienceMs(request: ClientRequest): number;
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  /** The longest time between the upstream's response for a tag and its record. */
  readonly confirmingMs: number;
  readonly repositories: readonly SimulatedRepository[];
  /** Whether the caller may receive the content that the repository has under this reference. */
  mayRead(request: AccessRequest): boolean;
  /** Whether the caller may be refused existing content. */
  mayBeRefused(request: ClientRequest): boolean;
  /**
   * Whether the blob may be damaged in the store. Its bytes are then wrong unless they are hashed before they are sent.
   */
  mayBeDamaged(request: ClientRequest, bytes: Buffer): boolean;
  /**
   * The upstream sends wrong bytes of blobs in this run. A part of a blob is served as it arrives, so its bytes may be
   * wrong.
   */
  readonly receivesWrongBytes: boolean;
  /** Called when a tag was resolved for a client. */
  onNamed(request: ClientRequest): void;
  /** Called when content was served, whole or in part. */
  onServed(request: ClientRequest, digest: string): void;
}
