// The facts of a run that decide which answers are right.
import type { Asked } from './judge-exchange.ts';

export interface ScenarioFacts {
  readonly problem: (text: string) => void;
  /** Nothing fails in this run, so every client gets what it wants. */
  readonly isCalm: boolean;
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  /** How long may pass from upstream's word for a tag until it is recorded. */
  readonly confirmingMs: number;
  /** Whether the caller may get the content that it asked for. */
  mayRead(asked: Asked): boolean;
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
