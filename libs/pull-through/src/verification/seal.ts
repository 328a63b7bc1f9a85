/** Makes text unreadable, and impossible to forge, for whoever does not have the secret of this cluster. */
export interface Seal {
  /** `name`: where it will lie, or what it is for; it opens under no other. */
  close(name: string, text: string): string;
  /** `undefined`: not sealed with this secret under this name. */
  open(name: string, sealed: string): string | undefined;
}
