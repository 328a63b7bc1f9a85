// The facts of a run that decide which answers are right.
import type { SimulatedRepository } from './image-catalog.ts';
import type { Asked, AskedRight } from './judge-exchange.ts';

export interface ScenarioFacts {
  readonly problem: (text: string) => void;
  /** Nothing fails in this run, so every client gets what it wants. */
  readonly isCalm: boolean;
  /** Whether the request has to succeed, whatever else fails in this run. */
  mustServe(asked: Pick<Asked, 'repository' | 'reference'>): boolean;
  /** How long the caller waits for a status at most; `Infinity` means that something may delay it. */
  patienceMs(asked: Asked): number;
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  /** How long may pass from upstream's word for a tag until it is recorded. */
  readonly confirmingMs: number;
  readonly repositories: readonly SimulatedRepository[];
  /** Whether the caller may get what the repository has under this reference. */
  mayRead(asked: AskedRight): boolean;
  /** Whether the caller may be refused what is there. */
  mayBeRefused(asked: Asked): boolean;
  /** Whether the blob may be damaged in the store, so that its bytes are wrong unless they are hashed before they are sent. */
  mayLieAbout(asked: Asked, bytes: Buffer): boolean;
  /** Upstream lies about blobs in this run. A part of a blob is served as it comes, so its bytes may be wrong. */
  readonly isLiedTo: boolean;
  /** A tag was resolved for a client. */
  onNamed(asked: Asked): void;
  /** Content was served, whole or in part. */
  onServed(asked: Asked, digest: string): void;
}
