// The facts of a run that decide which answers are right.
import type { SimulatedRepository } from './image-catalog.ts';
import type { ClientRequest, AccessRequest } from './judge-exchange.ts';

export interface ScenarioFacts {
  readonly problem: (text: string) => void;
  /** Nothing fails in this run, so every client gets what it wants. */
  readonly isCalm: boolean;
  /** Whether the request has to succeed, whatever else fails in this run. */
  mustServe(request: Pick<ClientRequest, 'repository' | 'reference'>): boolean;
  /** How long the caller waits for a status at most; `Infinity` means that something may delay it. */
  patienceMs(request: ClientRequest): number;
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  /** How long may pass from upstream's word for a tag until it is recorded. */
  readonly confirmingMs: number;
  readonly repositories: readonly SimulatedRepository[];
  /** Whether the caller may get what the repository has under this reference. */
  mayRead(request: AccessRequest): boolean;
  /** Whether the caller may be refused what is there. */
  mayBeRefused(request: ClientRequest): boolean;
  /** Whether the blob may be damaged in the store, so that its bytes are wrong unless they are hashed before they are sent. */
  mayBeDamaged(request: ClientRequest, bytes: Buffer): boolean;
  /** Upstream lies about blobs in this run. A part of a blob is served as it comes, so its bytes may be wrong. */
  readonly receivesWrongBytes: boolean;
  /** A tag was resolved for a client. */
  onNamed(request: ClientRequest): void;
  /** Content was served, whole or in part. */
  onServed(request: ClientRequest, digest: string): void;
}
